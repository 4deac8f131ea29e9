package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Random;
import org.junit.jupiter.api.Test;

/** A token bucket hands out whole tokens at a steady rate. */
class TokenBucketTest {
  private static final long SECOND = 1_000_000_000;

  @Test
  void bucket_isFullAtFirst() {
    assertEquals(100, new TokenBucket(1000, 100, 0).tokens());
  }

  @Test
  void refill_addsTheRatesShare() {
    TokenBucket bucket = empty(1000, 100);

    bucket.refill(SECOND / 100);

    assertEquals(10, bucket.tokens());
  }

  @Test
  void refill_neverExceedsTheBurst() {
    TokenBucket bucket = empty(1000, 100);

    bucket.refill(1_000_000 * SECOND);

    assertEquals(100, bucket.tokens());
  }

  @Test
  void refill_ofALargeRateDoesNotOverflow() {
    TokenBucket bucket = empty(Integer.MAX_VALUE, Integer.MAX_VALUE / 10);

    bucket.refill(Long.MAX_VALUE);

    assertEquals(Integer.MAX_VALUE / 10, bucket.tokens());
  }

  @Test
  void refill_ofASmallRateTakesItsTime() {
    TokenBucket bucket = empty(1, 512);

    bucket.refill(100 * SECOND);

    assertEquals(100, bucket.tokens());
  }

  @Test
  void refill_acrossTheWrapOfTheClock() {
    TokenBucket bucket = new TokenBucket(1000, 100, Long.MAX_VALUE - 5);
    bucket.spend(100);

    bucket.refill(Long.MAX_VALUE - 5 + SECOND / 100);

    assertEquals(10, bucket.tokens());
  }

  @Test
  void refill_whenTimeStoodStillAddsNothing() {
    TokenBucket bucket = empty(1000, 100);

    bucket.refill(0);

    assertEquals(0, bucket.tokens());
  }

  @Test
  void refill_inUnevenStepsLosesNoFraction() {
    TokenBucket bucket = empty(333, 333_333);
    Random random = new Random(1);
    long now = 0;
    for (int i = 0; i < 10_000; i++) {
      now += random.nextInt(1_000_000);
      bucket.refill(now);
    }

    assertEquals(now * 333 / SECOND, bucket.tokens());
  }

  @Test
  void untilHalfFull_isTheMomentAndNotBefore() {
    TokenBucket bucket = empty(1000, 100);
    long wait = bucket.untilHalfFull();

    bucket.refill(wait - 1);
    assertEquals(49, bucket.tokens());
    bucket.refill(wait);
    assertEquals(50, bucket.tokens());
  }

  private static TokenBucket empty(long rate, long burst) {
    TokenBucket bucket = new TokenBucket(rate, burst, 0);
    bucket.spend(burst);
    return bucket;
  }
}
