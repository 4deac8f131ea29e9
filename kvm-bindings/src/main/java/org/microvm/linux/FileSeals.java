package org.microvm.linux;

import org.microvm.syscall.Syscalls;

/** Operations on a memory file that are permanently forbidden, see fcntl(2). */
final class FileSeals {
  /** From linux/fcntl.h. */
  private static final int F_ADD_SEALS = 1033;

  private static final int F_GET_SEALS = 1034;

  private FileSeals() {}

  /**
   * Returns the seals of a memory file: operations that are permanently forbidden (F_GET_SEALS of
   * fcntl(2)).
   *
   * @return flags, 0 for a file that cannot have seals
   */
  static int of(Fd file) throws ErrnoException {
    long result = file.with(fd -> Syscalls.fcntl(fd, F_GET_SEALS, 0));
    return result == -Errno.EINVAL ? 0 : (int) ErrnoException.check(result, "fcntl", file);
  }

  /** Permanently forbids operations on a memory file (F_ADD_SEALS). */
  static void add(Fd file, int seals) throws ErrnoException {
    file.checked("fcntl", fd -> Syscalls.fcntl(fd, F_ADD_SEALS, seals));
  }
}
