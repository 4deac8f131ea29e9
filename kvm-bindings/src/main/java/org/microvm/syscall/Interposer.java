package org.microvm.syscall;

/** Intercepts the system calls of this process before they are made, and can make them fail. */
interface Interposer {
  /**
   * Returns 0 if the call is to be made, or {@code -errno} as its result instead.
   *
   * @param number of the system call
   * @param first its first argument
   * @param second its second argument
   */
  long before(long number, long first, long second);
}
