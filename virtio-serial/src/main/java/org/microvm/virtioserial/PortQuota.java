package org.microvm.virtioserial;

import org.microvm.devices.virtio.DescriptorChain;
import org.microvm.virtioserial.PortCounters.Direction;

/**
 * The bytes and buffers that a port may still move in one direction: within the current turn, which
 * is bounded so that other ports get theirs, and within its {@link RateLimit}, if any. Guarded by
 * the device lock.
 */
final class PortQuota {
  /** Bytes that a port may move in one turn. */
  static final long TURN_BYTES = 256 * 1024;

  /** Bytes that each buffer is charged in addition, so that empty buffers end a turn too. */
  static final long BUFFER_COST = 512;

  /**
   * Bytes that each descriptor of a buffer is charged in addition, also one without bytes: a buffer
   * of 1024 descriptors takes as long to read as many others.
   */
  private static final long DESCRIPTOR_COST = 16;

  private final Clock clock;
  private final Direction counters;
  private final Runnable wakeUp;

  /** Null if there is no limit. */
  private final TokenBucket bytes;

  private final TokenBucket buffers;

  private long turn;

  /** A bucket is empty, and a timer waits until it is half full. */
  private boolean throttled;

  /**
   * @param resume requests another turn once the bucket is half full; called with the device lock
   */
  PortQuota(DeviceContext context, RateLimit limit, Direction counters, Runnable resume) {
    clock = context.clock();
    this.counters = counters;
    long now = clock.nanoTime();
    bytes = bucket(limit.bytesPerSecond(), limit.burstBytes(), now);
    buffers = bucket(limit.buffersPerSecond(), limit.burstBuffers(), now);
    DeviceContext.Step resumed =
        () -> {
          throttled = false;
          resume.run();
        };
    wakeUp = () -> context.locked(resumed);
  }

  /** Begins a turn, which may be over at once. */
  void begin() {
    turn = TURN_BYTES;
    if (bytes != null || buffers != null) {
      refill();
    }
  }

  /** Whether the turn or the rate limit is exhausted. */
  boolean isSpent() {
    return isTurnOver() || isExhausted();
  }

  /** Whether the turn is over, so that other ports get theirs. */
  boolean isTurnOver() {
    return turn <= 0;
  }

  /** Schedules the next turn by a timer if the rate limit is exhausted; returns whether it is. */
  boolean throttle() {
    if (!isExhausted()) {
      return false;
    }
    if (!throttled) {
      throttled = true;
      counters.throttles++;
      clock.schedule(Math.max(untilHalfFull(bytes), untilHalfFull(buffers)), wakeUp);
    }
    return true;
  }

  /** Returns the bytes that may still be moved in this turn. */
  long bytes() {
    return Math.min(turn, allowed());
  }

  /**
   * Returns the bytes that the rate limit still allows, which may be more than one turn's worth.
   */
  long allowed() {
    return bytes == null ? Long.MAX_VALUE : bytes.tokens();
  }

  /** Returns the number of buffers that the rate limit still allows. */
  long buffers() {
    return buffers == null ? Long.MAX_VALUE : buffers.tokens();
  }

  /** Charges bytes that were moved out of, or into, the guest's buffers. */
  void chargeBytes(long count) {
    turn -= count;
    if (bytes != null) {
      bytes.spend(count);
    }
  }

  /** Charges the turn, but not the rate limit, for other work that took time. */
  void chargeWork(long count) {
    turn -= count;
  }

  /** Charges a buffer that is returned to the guest, independent of its size. */
  void chargeTransmitBuffer(DescriptorChain buffer) {
    turn -= BUFFER_COST;
    chargeReceiveBuffer(buffer);
  }

  /**
   * Charges the rate limit for a buffer that is returned to the guest, and the turn for its
   * descriptors.
   */
  void chargeReceiveBuffer(DescriptorChain buffer) {
    turn -= DESCRIPTOR_COST * buffer.descriptors();
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

  private boolean isExhausted() {
    return isExhausted(bytes) || isExhausted(buffers);
  }

  /**
   * Whether the bucket is empty. A waiting port keeps waiting until the bucket is half full, so
   * that it does not wake up for each token.
   */
  private boolean isExhausted(TokenBucket bucket) {
    return bucket != null && bucket.tokens() < (throttled ? bucket.halfFull() : 1);
  }

  private static long untilHalfFull(TokenBucket bucket) {
    return bucket == null ? 0 : bucket.untilHalfFull();
  }

  private static TokenBucket bucket(long rate, long burst, long now) {
    return rate == 0 ? null : new TokenBucket(rate, burst, now);
  }
}
