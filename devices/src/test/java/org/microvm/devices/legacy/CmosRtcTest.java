package org.microvm.devices.legacy;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CmosRtcTest {
  private Instant now = Instant.parse("2026-11-22T23:58:59.900Z"); // a Sunday
  private final CmosRtc rtc = new CmosRtc(() -> now);

  @ParameterizedTest
  @CsvSource({
    "0, 0x59",
    "2, 0x58",
    "4, 0x23",
    "6, 0x01",
    "7, 0x22",
    "8, 0x11",
    "9, 0x26",
    "0x32, 0x20"
  })
  void time_isUtcInBcdByDefault(String register, String expected) {
    assertEquals(Long.decode(expected), register(Integer.decode(register)));
  }

  @ParameterizedTest
  @CsvSource({"0, 59", "2, 58", "4, 23", "9, 26", "0x32, 20"})
  void time_isBinaryWhenRegisterBSaysSo(String register, int expected) {
    set(11, 0x06);

    assertEquals(expected, register(Integer.decode(register)));
  }

  @ParameterizedTest
  @CsvSource({"00, 0x12", "01, 0x01", "11, 0x11", "12, 0x92", "13, 0x81", "23, 0x91"})
  void hours_onATwelveHourDialHavePm(String hour, String expected) {
    now = Instant.parse("2026-11-22T" + hour + ":00:00Z");
    set(11, 0x00);

    assertEquals(Long.decode(expected), register(4));
  }

  @Test
  void registerA_neverShowsAnUpdateInProgress() {
    set(10, 0xff);

    assertEquals(0, register(10) & 0x80);
  }

  @Test
  void registerD_saysTheTimeIsValid() {
    assertEquals(0x80, register(13));
  }

  @Test
  void registerC_hasNoInterruptPending() {
    set(12, 0xf0);

    assertEquals(0, register(12));
  }

  @Test
  void time_doesNotTearWhileADriverReadsIt() {
    register(0);
    now = now.plusMillis(200);

    assertEquals(0x58, register(2));
  }

  @Test
  void time_goesOnForAGuestThatReadsMinutesOnly() {
    register(2);
    now = now.plusMillis(1000);

    assertEquals(0x59, register(2));
  }

  @Test
  void time_cannotBeSet() {
    set(2, 0x11);

    assertEquals(0x58, register(2));
  }

  @Test
  void memory_holdsWhatWasWritten() {
    set(0x0f, 0x0a);

    assertEquals(0x0a, register(0x0f));
  }

  @Test
  void index_ignoresTheNmiMask() {
    set(0x80 | 0x0f, 0x0a);

    assertEquals(0x0a, register(0x0f));
  }

  @Test
  void index_cannotBeReadBack() {
    assertEquals(0xff, rtc.read(0, 1));
  }

  private long register(int index) {
    rtc.write(0, 1, index);
    return rtc.read(1, 1);
  }

  private void set(int index, int value) {
    rtc.write(0, 1, index);
    rtc.write(1, 1, value);
  }
}
