package org.microvm.virtioserial;

import java.util.function.BooleanSupplier;

/**
 * Whether to wait for a guest's reply instead of letting the event loop sleep until the guest
 * notifies. A guest that looks at its rings all the time answers within a microsecond or two; to be
 * woken for that takes ten times as long where idle processors halt. So a guest that polls and that
 * has replied to what it was given before is waited for, though never for long. Guarded by the
 * device lock.
 */
final class ReplyWait {
  /** How long, nanoseconds: less than a sleep and a wake-up cost. */
  static final long LONGEST = 10_000;

  /** How many times nobody waits after a reply has not come in time. */
  static final int PAUSE = 64;

  /** The guest was given bytes, and has sent none since. */
  private boolean asked;

  /** It has sent some after it was given bytes the last time. */
  private boolean replies;

  private int pause;

  /**
   * The guest was given bytes.
   *
   * @param polls whether it looks for them without an interrupt
   * @return whether a reply is worth waiting for
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

  /** The guest has sent something, whenever it was. */
  void replied() {
    replies |= asked;
    asked = false;
  }

  /** Waits until the reply is there; false if it does not come in time. */
  boolean await(BooleanSupplier reply) {
    long start = System.nanoTime();
    while (!reply.getAsBoolean()) {
      if (System.nanoTime() - start > LONGEST) {
        pause = PAUSE;
        return false;
      }
      Thread.onSpinWait();
    }
    return true;
  }
}
