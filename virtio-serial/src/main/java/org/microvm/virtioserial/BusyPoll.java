package org.microvm.virtioserial;

import java.util.function.BooleanSupplier;

/**
 * Decides whether to poll for a guest's reply instead of letting the event loop sleep until the
 * guest notifies. A guest that polls its rings answers within a microsecond or two; waking up a
 * thread takes ten times as long on hosts whose idle processors halt. So the reply is polled for,
 * briefly, if the guest polls and has replied to the previous bytes. Guarded by the device lock.
 */
final class BusyPoll {
  /** Longest polling time in nanoseconds: less than a sleep and a wake-up cost. */
  static final long LONGEST = 10_000;

  /** Most opportunities that are skipped after replies did not arrive in time. */
  static final int LONGEST_PAUSE = 64;

  /** The guest was given bytes and has sent none since. */
  private boolean asked;

  /** The guest replied after it was given bytes the last time. */
  private boolean replies;

  /** Opportunities that are still skipped. */
  private int pause;

  /** Replies in succession that did not arrive in time. */
  private int misses;

  /**
   * Records that the guest was given bytes.
   *
   * @param polls whether the guest polls for them instead of waiting for an interrupt
   * @return whether to poll for the reply
   */
  boolean asked(boolean polls) {
    replies &= !asked;
    asked = true;
    if (!polls || !replies) {
      return false;
    }
    if (pause > 0) {
      pause--;
      return false;
    }
    return true;
  }

  /** Records that the guest has sent something. */
  void replied() {
    replies |= asked;
    asked = false;
  }

  /** Polls until the reply is there; returns false if it does not arrive in time. */
  boolean await(BooleanSupplier reply) {
    long start = System.nanoTime();
    while (!reply.getAsBoolean()) {
      if (System.nanoTime() - start > LONGEST) {
        pause = Math.min((1 << misses) - 1, LONGEST_PAUSE);
        misses = Math.min(misses + 1, Integer.SIZE - 2);
        return false;
      }
      Thread.onSpinWait();
    }
    misses = 0;
    return true;
  }
}
