package org.microvm.devices.legacy;

import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoField;
import java.util.concurrent.TimeUnit;

/**
 * The periodic interrupt of an MC146818 with a 32,768 Hz time base.
 *
 * @param ticks of the time base in a period; 0 if there is none
 */
record RtcPeriod(int ticks) {
  private static final int RATE = 0xf;
  private static final int HZ = 32768;
  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

  /** Returns the period that the rate selection in register A gives. */
  static RtcPeriod of(int registerA) {
    int rate = registerA & RATE;
    if (rate == 0) {
      return new RtcPeriod(0);
    }
    // The first two rates are those of 8 and 9.
    return new RtcPeriod(1 << (rate <= 2 ? rate + 6 : rate - 1));
  }

  boolean isOff() {
    return ticks == 0;
  }

  /** Returns the number of periods until a time. */
  long count(LocalDateTime time) {
    long second = time.toEpochSecond(ZoneOffset.UTC);
    return Math.floorDiv(
        second * HZ + time.get(ChronoField.NANO_OF_SECOND) * (long) HZ / SECOND, ticks);
  }

  /** Returns the nanoseconds until the end of the period in which a time is. */
  long nanosToNext(LocalDateTime time) {
    long next = (count(time) + 1) * ticks;
    long seconds = Math.floorDiv(next, HZ) - time.toEpochSecond(ZoneOffset.UTC);
    long fraction = Math.floorMod(next, (long) HZ) * SECOND;
    return seconds * SECOND + Math.ceilDiv(fraction, HZ) - time.get(ChronoField.NANO_OF_SECOND);
  }
}
