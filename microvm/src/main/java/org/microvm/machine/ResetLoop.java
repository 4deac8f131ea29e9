package org.microvm.machine;

import java.time.Duration;

/**
 * Counts failed boots of a guest: it was reset within a minute, and no program in it had opened a
 * channel. After too many of them in a row the guest is not started again. Used by one thread.
 */
final class ResetLoop {
  /** A boot that lasts longer than this has succeeded. */
  static final Duration SHORT = Duration.ofMinutes(1);

  private final int limit;
  private int failures;

  /**
   * Counts boots.
   *
   * @param limit the boots in a row that may fail; 0 for any number
   */
  ResetLoop(int limit) {
    this.limit = limit;
  }

  /**
   * Records that a guest has reset its machine.
   *
   * @param lasted time since its first instruction
   * @param usedChannel whether a program in it has opened a channel
   * @return whether it must not be started again
   */
  boolean add(Duration lasted, boolean usedChannel) {
    failures = usedChannel || lasted.compareTo(SHORT) > 0 ? 0 : failures + 1;
    return limit > 0 && failures >= limit;
  }

  /** Records that the host has reset the machine, which ends a row of failures. */
  void clear() {
    failures = 0;
  }

  /** The number of boots in a row that have failed. */
  int failures() {
    return failures;
  }
}
