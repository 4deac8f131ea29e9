package org.microvm.linux;

import java.io.IOException;

/** A system call failed: which, on what, why, and where it is known, what to try. */
public final class ErrnoException extends IOException {
  private static final long serialVersionUID = 1L;

  private final String call;
  private final int errno;

  /**
   * @param call the call and what it was applied to, {@code open /dev/kvm}
   * @param errno the error number, positive
   */
  public ErrnoException(String call, int errno) {
    this(call, errno, "");
  }

  /**
   * @param call the call and what it was applied to, {@code open /dev/kvm}
   * @param errno the error number, positive
   * @param advice what a person can do about it, or empty
   */
  public ErrnoException(String call, int errno, String advice) {
    super(
        "%s: %s (%s)%s"
            .formatted(
                call,
                Errno.name(errno),
                Errno.describe(errno),
                advice.isEmpty() ? "" : ": " + advice));
    this.call = call;
    this.errno = errno;
  }

  /** The call and what it was applied to. */
  public String call() {
    return call;
  }

  /** The error number, one of {@link Errno}. */
  public int errno() {
    return errno;
  }

  /**
   * Passes a result on; the message is only put together when it is needed.
   *
   * @param result what a call returned: a value, or {@code -errno}
   * @param call names the call in the exception
   * @param object what it was applied to
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
   * Passes a result on.
   *
   * @param result what a call returned: a value, or {@code -errno}
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
