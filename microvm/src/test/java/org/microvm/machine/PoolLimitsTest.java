package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The limits of a pool of guests. */
class PoolLimitsTest {
  @Test
  void capacity_isTheLowerOfNumberAndMemory() {
    assertEquals(5, new PoolLimits(1, 5, 100, 1000).capacity());
    assertEquals(3, new PoolLimits(1, 5, 100, 399).capacity());
    assertEquals(7, PoolLimits.ofGuests(2, 7).capacity());
  }

  @Test
  void refusal_namesTheLimitThatIsReached() {
    assertEquals(
        "the pool has reached its limit of 5 guests; close a guest that was taken",
        new PoolLimits(1, 5, 100, 1000).refusal().getMessage());
    assertEquals(
        "the pool's 3 guests of 100 bytes have reached its limit of 399 bytes; close a guest that"
            + " was taken",
        new PoolLimits(1, 5, 100, 399).refusal().getMessage());
  }

  @ParameterizedTest
  @CsvSource({"0,5,100,1000", "1,5,0,1000", "6,5,100,1000", "4,5,100,399", "1,0,100,1000"})
  void limits_thatCannotBeKept_areRefused(int ready, int most, long guest, long all) {
    assertThrows(IllegalArgumentException.class, () -> new PoolLimits(ready, most, guest, all));
  }
}
