package org.microvm.linux;

import org.microvm.bindings.Linux;
import org.microvm.syscall.Syscalls;

/** Advisory locks on whole files and directories, see flock(2). */
public final class AdvisoryLock {
  private AdvisoryLock() {}

  /** Who else may hold a lock. */
  public enum Mode {
    /** Others that share it: the lock of a reader. */
    SHARED(Linux.LOCK_SH()),

    /** No other process: the lock of a writer. */
    EXCLUSIVE(Linux.LOCK_EX());

    private final int operation;

    Mode(int operation) {
      this.operation = operation;
    }
  }

  /**
   * Takes an advisory lock on the whole file, held until every duplicate of the descriptor is
   * closed.
   *
   * @param file the file or directory
   * @param mode who else may hold a lock
   * @return true if the lock is held; false if someone else holds a lock that conflicts
   * @throws ErrnoException if the descriptor is closed or the file system has no locks
   */
  public static boolean tryLock(Fd file, Mode mode) throws ErrnoException {
    long result = file.with(fd -> Syscalls.flock(fd, mode.operation | Linux.LOCK_NB()));
    return result != -Errno.EAGAIN && ErrnoException.check(result, "flock", file) == 0;
  }

  /**
   * Waits for an advisory lock on the whole file, as {@link #tryLock} takes it. The wait has no
   * limit and cannot be interrupted.
   *
   * @param file the file or directory
   * @param mode who else may hold a lock
   * @throws ErrnoException if the descriptor is closed or the file system has no locks
   */
  public static void lock(Fd file, Mode mode) throws ErrnoException {
    long result = -Errno.EINTR;
    while (result == -Errno.EINTR) {
      result = file.with(fd -> Syscalls.flock(fd, mode.operation));
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
