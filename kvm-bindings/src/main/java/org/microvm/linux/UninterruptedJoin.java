package org.microvm.linux;

import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * Waits for threads that must have ended before the caller continues, even if it is interrupted.
 */
public final class UninterruptedJoin {
  private static final Duration NO_LIMIT = Duration.ofNanos(Long.MAX_VALUE);

  private UninterruptedJoin() {}

  /**
   * Waits until a thread has ended, without a time limit and even if the caller is interrupted.
   *
   * @param thread a thread whose end does not depend on the caller
   * @return whether the caller was interrupted; it then has to interrupt itself again, once it has
   *     nothing left to wait for
   */
  public static boolean of(Thread thread) {
    return within(NO_LIMIT, thread);
  }

  /**
   * Waits as {@link #of} does, for a limited time.
   *
   * @param limit the longest wait; the thread may still run after it
   * @param thread a thread whose end does not depend on the caller, or that was not started
   * @return as for {@link #of}
   */
  public static boolean within(Duration limit, Thread thread) {
    boolean interrupted = false;
    long limitNanos = TimeUnit.NANOSECONDS.convert(limit);
    long begin = System.nanoTime();
    long left = limitNanos;
    while (left > 0 && thread.isAlive()) {
      try {
        thread.join(Duration.ofNanos(left));
      } catch (InterruptedException e) {
        interrupted = true;
      }
      left = limitNanos - (System.nanoTime() - begin);
    }
    return interrupted;
  }
}
