package org.microvm.agent;

import java.util.concurrent.TimeUnit;

/**
 * The pauses between queries of an agent, which sends no notifications. They grow from 1 ms to 100
 * ms. An answer takes processor time from the program that is waited for. Where that matters, in a
 * slow guest with few processors, the pauses are longer: up to four times the duration of the last
 * query, at most a second. A guest that was paused meanwhile is queried as often as before.
 */
final class PollPause {
  private static final long FIRST_NANOS = TimeUnit.MILLISECONDS.toNanos(1);
  private static final long LONGEST_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
  private static final long SLOWEST_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final int LONGEST_SHARE = 4;

  private long next = FIRST_NANOS;

  /** Begins with a short pause again, because something has happened. */
  void reset() {
    next = FIRST_NANOS;
  }

  /**
   * Returns how long to pause now.
   *
   * @param asked how long the queries before this pause took, in nanoseconds
   */
  long nanosAfter(long asked) {
    long most = Math.max(LONGEST_NANOS, Math.min(SLOWEST_NANOS, asked * LONGEST_SHARE));
    long pause = Math.min(Math.max(next, asked), most);
    next = pause * 2;
    return pause;
  }
}
