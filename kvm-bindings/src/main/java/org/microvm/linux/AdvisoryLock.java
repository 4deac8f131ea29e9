package org.microvm.linux;

import org.microvm.bindings.Linux;
import org.microvm.syscall.Syscalls;

/** Advisory locks on whole files and directories, see flock(2). */
public final class AdvisoryLock {
  private AdvisoryLock() {}

  /**
   * Takes an advisory lock on the whole file, held until every duplicate of the descriptor is
   * closed.
   *
   * @param file the file or directory
   * @param exclusive true for a writer, which must be the only user; false for a reader among
   *     others
   * @return true if the lock is held; false if someone else holds a lock that conflicts
   * @throws ErrnoException if the descriptor is closed or the file system has no locks
   */
  public static boolean tryLock(Fd file, boolean exclusive) throws ErrnoException {
    int operation = (exclusive ? Linux.LOCK_EX() : Linux.LOCK_SH()) | Linux.LOCK_NB();
    long result = file.with(fd -> Syscalls.flock(fd, operation));
    return result != -Errno.EAGAIN && ErrnoException.check(result, "flock", file) == 0;
  }

  /**
   * Waits for an advisory lock on the whole file, as {@link #tryLock} takes it. The wait has no
   * limit and cannot be interrupted.
   *
   * @param file the file or directory
   * @param exclusive true for a writer; false for a reader among others
   * @throws ErrnoException if the descriptor is closed or the file system has no locks
   */
  public static void lock(Fd file, boolean exclusive) throws ErrnoException {
    int operation = exclusive ? Linux.LOCK_EX() : Linux.LOCK_SH();
    long result = -Errno.EINTR;
    while (result == -Errno.EINTR) {
      result = file.with(fd -> Syscalls.flock(fd, operation));
    }
    ErrnoException.check(result, "flock", file);
  }

  /**
   * Releases the lock of {@link #tryLock}; does nothing if there is none.
   *
   * @param file the file or directory
   * @throws ErrnoException if the descriptor is closed or the file system has no locks
   */
  public static void unlock(Fd file) throws ErrnoException {
    file.checked("flock", fd -> Syscalls.flock(fd, Linux.LOCK_UN()));
  }
}
