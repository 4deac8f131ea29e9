package org.microvm.linux;

import java.io.IOException;

/**
 * A system call failed. The message names the call, its object, the error and, where known, a
 * remedy.
 */
public final class ErrnoException extends IOException {
  private static final long serialVersionUID = 1L;

  /** The call and its object. */
  private final String call;

  /** The error number, positive. */
  private final int errno;

  /** Advice for the user, or empty. */
  private final String advice;

  /**
   * Creates the exception. It has advice if the error number alone says what the user can do.
   *
   * @param call the call and its object, for example {@code open /dev/kvm}
   * @param errno the error number, positive
   */
  public ErrnoException(String call, int errno) {
    this(call, errno, advice(errno));
  }

  /**
   * Creates the exception with advice for the user.
   *
   * @param call the call and its object, for example {@code open /dev/kvm}
   * @param errno the error number, positive
   * @param advice what the user can do about it, or empty
   */
  public ErrnoException(String call, int errno, String advice) {
    this.call = call;
    this.errno = errno;
    this.advice = advice;
  }

  /** Composed on demand, because a caller that expects the failure does not need the text. */
  @Override
  public String getMessage() {
    return "%s: %s (%s)%s"
        .formatted(
            call, Errno.name(errno), Errno.describe(errno), advice.isEmpty() ? "" : ": " + advice);
  }

  /** Returns advice that depends only on the error, or an empty string. */
  static String advice(int errno) {
    return switch (errno) {
      case Errno.EMFILE -> "raise the limit of open files (ulimit -n)";
      case Errno.ENFILE -> "raise the host's limit of open files (sysctl fs.file-max)";
      case Errno.EFBIG ->
          "raise the limit of file sizes (ulimit -f), or use a file system with a higher one";
      default -> "";
    };
  }

  /** {@return the call and its object, for example {@code open /dev/kvm}} */
  public String call() {
    return call;
  }

  /** {@return the error number, positive, one of {@link Errno}} */
  public int errno() {
    return errno;
  }

  /**
   * Checks a result. The message is built only if the call failed.
   *
   * @param result the result of a call: a value, or {@code -errno}
   * @param call names the call in the exception
   * @param object the object of the call
   * @return {@code result}, which is not negative
   * @throws ErrnoException if {@code result} is negative
   */
  public static long check(long result, String call, Object object) throws ErrnoException {
    if (result < 0) {
      throw new ErrnoException(call + " " + object, (int) -result);
    }
    return result;
  }

  /**
   * Checks a result.
   *
   * @param result the result of a call: a value, or {@code -errno}
   * @param call names the call in the exception
   * @return {@code result}, which is not negative
   * @throws ErrnoException if {@code result} is negative
   */
  public static long check(long result, String call) throws ErrnoException {
    if (result < 0) {
      throw new ErrnoException(call, (int) -result);
    }
    return result;
  }
}
