package org.microvm.virtioserial;

import java.util.concurrent.TimeUnit;

/**
 * Tokens that come at a steady rate, up to so many, and are spent. In whole numbers and without
 * drift: over any time no more are handed out than rate and burst allow.
 */
final class TokenBucket {
  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

  private final long rate;
  private final long burst;
  private long tokens;
  private long refilled;

  /** Tokens earned since {@link #refilled} that are not whole yet, in units of 1/SECOND. */
  private long fraction;

  /**
   * @param rate tokens a second, from 1 to 2^31
   * @param burst most tokens, which are there at first
   * @param now the time in nanoseconds
   */
  TokenBucket(long rate, long burst, long now) {
    this.rate = rate;
    this.burst = burst;
    tokens = burst;
    refilled = now;
  }

  /** Adds what has come since the last call. */
  void refill(long now) {
    // After a second every bucket is full, and this keeps the product within 64 bits.
    long elapsed = Math.clamp(now - refilled, 0, SECOND * Math.ceilDiv(burst, rate) + SECOND);
    refilled = now;
    long earned = elapsed * rate + fraction;
    tokens += earned / SECOND;
    fraction = earned % SECOND;
    if (tokens >= burst) {
      tokens = burst;
      fraction = 0;
    }
  }

  long tokens() {
    return tokens;
  }

  void spend(long count) {
    tokens -= count;
  }

  /** The mark at which a rest is over. */
  long halfFull() {
    return Math.ceilDiv(burst, 2);
  }

  /** Nanoseconds until it is half full, if nothing is spent meanwhile. */
  long untilHalfFull() {
    long missing = halfFull() - tokens;
    return missing <= 0 ? 0 : Math.ceilDiv(missing * SECOND - fraction, rate);
  }
}
