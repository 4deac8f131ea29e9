package org.microvm.devices.legacy;

import java.time.LocalDateTime;
import java.time.temporal.ChronoUnit;
import java.util.Optional;

/**
 * The alarm of an MC146818: a time of day, in which each of hours, minutes and seconds may be "any"
 * (the two top bits of the register are set).
 *
 * @param hour 0 to 23, or {@link #ANY}; other values never match
 * @param minute 0 to 59, or {@link #ANY}; other values never match
 * @param second 0 to 59, or {@link #ANY}; other values never match
 */
record RtcAlarm(int hour, int minute, int second) {
  static final int SECONDS = 1;
  static final int MINUTES = 3;
  static final int HOURS = 5;

  private static final int ANY = -1;
  private static final int ANY_BITS = 0xc0;

  static RtcAlarm of(byte[] registers, RtcTime format) {
    return new RtcAlarm(
        isAny(registers[HOURS]) ? ANY : format.hour(registers[HOURS]),
        isAny(registers[MINUTES]) ? ANY : format.value(registers[MINUTES]),
        isAny(registers[SECONDS]) ? ANY : format.value(registers[SECONDS]));
  }

  private static boolean isAny(byte register) {
    return (register & ANY_BITS) == ANY_BITS;
  }

  /** Returns the first second after a time at which the alarm goes off; empty if it never does. */
  Optional<LocalDateTime> after(LocalDateTime time) {
    if (hour > 23 || minute > 59 || second > 59) {
      return Optional.empty();
    }
    LocalDateTime next = time.truncatedTo(ChronoUnit.SECONDS).plusSeconds(1);
    // Each step goes to the start of the next unit, so that there are few of them.
    while (true) {
      if (!matches(hour, next.getHour())) {
        next = next.truncatedTo(ChronoUnit.HOURS).plusHours(1);
      } else if (!matches(minute, next.getMinute())) {
        next = next.truncatedTo(ChronoUnit.MINUTES).plusMinutes(1);
      } else if (!matches(second, next.getSecond())) {
        next = next.plusSeconds(1);
      } else {
        return Optional.of(next);
      }
    }
  }

  private static boolean matches(int wanted, int present) {
    return wanted == ANY || wanted == present;
  }
}
