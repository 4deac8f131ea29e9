package org.microvm.virtioserial;

import org.microvm.virtioserial.PortCounters.Direction;

/**
 * What a port may still move in one direction: in this turn, so that the others get theirs, and
 * under its {@link RateLimit} if it has one. Guarded by the device lock.
 */
final class Budget {
  /** Bytes a port may move before the other ports get their turn. */
  static final long TURN_BYTES = 256 * 1024;

  /** What a buffer takes of a turn at least, so that empty ones end it too. */
  static final long BUFFER_COST = 512;

  private final Clock clock;
  private final Direction counters;
  private final Runnable wakeUp;

  /** Null where there is no limit. */
  private final TokenBucket bytes;

  private final TokenBucket buffers;

  private long turn;

  /** A bucket ran dry, and a timer waits for it to be half full. */
  private boolean resting;

  /**
   * @param resume asks for another turn, once a rest is over; called with the device lock
   */
  Budget(DeviceCore core, RateLimit limit, Direction counters, Runnable resume) {
    clock = core.clock();
    this.counters = counters;
    long now = clock.nanoTime();
    bytes = bucket(limit.bytesPerSecond(), limit.burstBytes(), now);
    buffers = bucket(limit.buffersPerSecond(), limit.burstBuffers(), now);
    DeviceCore.Step rested =
        () -> {
          resting = false;
          resume.run();
        };
    wakeUp = () -> core.locked(rested);
  }

  /** Begins a turn; it may be over at once. */
  void begin() {
    turn = TURN_BYTES;
    if (bytes != null || buffers != null) {
      refill();
    }
  }

  /** Whether nothing more may be moved in this turn. */
  boolean isSpent() {
    return isTurnOver() || isDry();
  }

  /** Whether the other ports are to have their turn. */
  boolean isTurnOver() {
    return turn <= 0;
  }

  /** Whether the rate limit is what ended the turn; the port rests then and is woken. */
  boolean rests() {
    if (!isDry()) {
      return false;
    }
    if (!resting) {
      resting = true;
      counters.throttles++;
      clock.schedule(Math.max(untilHalfFull(bytes), untilHalfFull(buffers)), wakeUp);
    }
    return true;
  }

  /** Bytes that may still be moved in this turn. */
  long bytes() {
    return Math.min(turn, allowed());
  }

  /** Bytes that may still be moved, though it be more than a turn. */
  long allowed() {
    return bytes == null ? Long.MAX_VALUE : bytes.tokens();
  }

  /** Buffers that may still be given back. */
  long buffers() {
    return buffers == null ? Long.MAX_VALUE : buffers.tokens();
  }

  /** Bytes of the guest's buffers were moved. */
  void moved(long count) {
    turn -= count;
    if (bytes != null) {
      bytes.spend(count);
    }
  }

  /** Something was done that is no movement of the guest's bytes, but took its time. */
  void worked(long count) {
    turn -= count;
  }

  /** A buffer was given back to the guest; it takes its part of the turn whatever is in it. */
  void buffer() {
    turn -= BUFFER_COST;
    given();
  }

  /** A buffer was given back to the guest. */
  void given() {
    if (buffers != null) {
      buffers.spend(1);
    }
  }

  private void refill() {
    long now = clock.nanoTime();
    if (bytes != null) {
      bytes.refill(now);
    }
    if (buffers != null) {
      buffers.refill(now);
    }
  }

  private boolean isDry() {
    return isDry(bytes) || isDry(buffers);
  }

  /** Whoever rests, rests until half full, lest each token be worth a wake-up. */
  private boolean isDry(TokenBucket bucket) {
    return bucket != null && bucket.tokens() < (resting ? bucket.halfFull() : 1);
  }

  private static long untilHalfFull(TokenBucket bucket) {
    return bucket == null ? 0 : bucket.untilHalfFull();
  }

  private static TokenBucket bucket(long rate, long burst, long now) {
    return rate == 0 ? null : new TokenBucket(rate, burst, now);
  }
}
