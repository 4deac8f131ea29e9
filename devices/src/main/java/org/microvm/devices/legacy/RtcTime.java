package org.microvm.devices.legacy;

import java.time.LocalDate;
import java.time.LocalDateTime;

/**
 * How the registers of an MC146818 show a time: in BCD or binary, with 12 or 24 hours, as two bits
 * of register B say.
 *
 * @param hours24 whether hours go from 0 to 23; otherwise from 1 to 12, with bit 7 for PM
 * @param binary whether numbers are binary; otherwise BCD
 */
record RtcTime(boolean hours24, boolean binary) {
  static final int SECONDS = 0;
  static final int MINUTES = 2;
  static final int HOURS = 4;
  static final int DAY_OF_WEEK = 6;
  static final int DAY = 7;
  static final int MONTH = 8;
  static final int YEAR = 9;
  static final int CENTURY = 0x32;

  private static final int PM = 1 << 7;

  /** Whether a register is part of the time. */
  static boolean isTime(int register) {
    return switch (register) {
      case SECONDS, MINUTES, HOURS, DAY_OF_WEEK, DAY, MONTH, YEAR, CENTURY -> true;
      default -> false;
    };
  }

  /** Writes a time to the registers. */
  void show(LocalDateTime time, byte[] registers) {
    registers[SECONDS] = number(time.getSecond());
    registers[MINUTES] = number(time.getMinute());
    registers[HOURS] = hours(time.getHour());
    registers[DAY_OF_WEEK] = number(time.getDayOfWeek().getValue() % 7 + 1); // Sunday is 1
    registers[DAY] = number(time.getDayOfMonth());
    registers[MONTH] = number(time.getMonthValue());
    registers[YEAR] = number(Math.floorMod(time.getYear(), 100));
    registers[CENTURY] = number(Math.floorMod(time.getYear() / 100, 100));
  }

  /**
   * Reads the time from the registers, without a fraction of a second. What is out of range, such
   * as February 30, runs over into the next unit.
   */
  LocalDateTime read(byte[] registers) {
    int year = value(registers[CENTURY]) * 100 + value(registers[YEAR]);
    return LocalDate.of(year, 1, 1)
        .plusMonths(value(registers[MONTH]) - 1L)
        .plusDays(value(registers[DAY]) - 1L)
        .atStartOfDay()
        .plusHours(hour(registers[HOURS]))
        .plusMinutes(value(registers[MINUTES]))
        .plusSeconds(value(registers[SECONDS]));
  }

  /** Returns the hour from 0 to 23, or more if the register is out of range. */
  int hour(byte register) {
    if (hours24) {
      return value(register);
    }
    int onDial = value((byte) (register & ~PM)) % 12;
    return (register & PM) != 0 ? onDial + 12 : onDial;
  }

  /** Returns the number in a register; up to 255, or 165 in BCD. */
  int value(byte register) {
    int bits = register & 0xff;
    return binary ? bits : (bits >> 4) * 10 + (bits & 0xf);
  }

  private byte hours(int hour) {
    if (hours24) {
      return number(hour);
    }
    int onDial = (hour + 11) % 12 + 1;
    return (byte) (hour < 12 ? number(onDial) : number(onDial) | PM);
  }

  private byte number(int value) {
    return (byte) (binary ? value : value / 10 << 4 | value % 10);
  }
}
