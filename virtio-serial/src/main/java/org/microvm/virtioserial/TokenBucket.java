package org.microvm.virtioserial;

import java.util.concurrent.TimeUnit;

/**
 * A token bucket: tokens accrue at a steady rate up to a maximum and are spent. It calculates in
 * whole numbers and without drift: in no period are more tokens spent than rate and burst allow.
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
   * @param burst the maximum and initial number of tokens
   * @param now the time in nanoseconds
   */
  TokenBucket(long rate, long burst, long now) {
    this.rate = rate;
    this.burst = burst;
    tokens = burst;
    refilled = now;
  }

  /** Adds the tokens earned since the last call. */
  void refill(long now) {
    // By then every bucket is full, and the bound keeps the product below within 64 bits.
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

  /** Returns the number of tokens at which a waiting port continues. */
  long halfFull() {
    return Math.ceilDiv(burst, 2);
  }

  /** Returns the nanoseconds until the bucket is half full, if nothing is spent meanwhile. */
  long untilHalfFull() {
    long missing = halfFull() - tokens;
    return missing <= 0 ? 0 : Math.ceilDiv(missing * SECOND - fraction, rate);
  }
}
