package org.microvm.syscall;

/** Any system call, for tests. */
public final class RawCall {
  private RawCall() {}

  /** Returns the result, or {@code -errno}. */
  public static long call(long number, long a, long b, long c) {
    return Syscalls.call(number, a, b, c, 0, 0, 0);
  }
}
