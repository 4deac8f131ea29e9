package org.microvm.devices.legacy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;

@Timeout(60)
class CmosRtcTest {
  private static final int A = 10;
  private static final int B = 11;
  private static final int C = 12;
  private static final int UPDATE = 0x10;
  private static final int ALARM = 0x20;
  private static final int PERIODIC = 0x40;
  private static final int PENDING = 0x80;
  private static final int SET = 0x80;
  private static final int BCD_24 = 0x02;
  private static final int BINARY_24 = 0x06;

  private final FakeTime time = new FakeTime("2026-11-22T23:58:59.900Z"); // a Sunday
  private final AtomicInteger interrupts = new AtomicInteger();
  private final CmosRtc rtc = new CmosRtc(time, time, interrupts::incrementAndGet);

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
  void time_isBinaryIfRegisterBSelectsIt(String register, int expected) {
    set(B, BINARY_24);

    assertEquals(expected, register(Integer.decode(register)));
  }

  @ParameterizedTest
  @CsvSource({"00, 0x12", "01, 0x01", "11, 0x11", "12, 0x92", "13, 0x81", "23, 0x91"})
  void hours_onATwelveHourDialHavePm(String hour, String expected) {
    time.set("2026-11-22T" + hour + ":00:00Z");
    set(B, 0x00);

    assertEquals(Long.decode(expected), register(4));
  }

  @Test
  void registerA_showsAnUpdateInProgressRightBeforeIt() {
    time.advance(Duration.ofNanos(99_000_000));
    assertEquals(0, register(A) & 0x80);
    time.advance(Duration.ofNanos(800_000)); // 200 us before the second ends
    assertEquals(0x80, register(A) & 0x80);
    time.advance(Duration.ofNanos(200_000));
    assertEquals(0, register(A) & 0x80);

    set(A, 0xff); // read-only, and the divider is reset
    time.advance(Duration.ofNanos(999_900_000));
    assertEquals(0, register(A) & 0x80);
  }

  @Test
  void registerD_showsThatTheTimeIsValid() {
    set(13, 0);

    assertEquals(0x80, register(13));
  }

  @Test
  void registerC_cannotBeWritten() {
    set(C, 0xf0);

    assertEquals(0, register(C));
  }

  @Test
  void time_doesNotTearWhileADriverReadsIt() {
    register(0);
    time.advance(Duration.ofMillis(200));

    assertEquals(0x58, register(2));
  }

  @Test
  void time_advancesForAGuestThatReadsMinutesOnly() {
    register(2);
    time.advance(Duration.ofMillis(1000));

    assertEquals(0x59, register(2));
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

  /** Sets the time as Linux does in mc146818_set_time: with the clock and its divider stopped. */
  private void setAsLinux(int... fields) {
    int control = register(B);
    int rate = register(A) & 0x7f;
    set(B, control | SET);
    set(A, rate | 0x70);
    setFields(fields);
    set(B, control);
    set(A, rate);
  }

  /** Writes century, year, month, day, hour, minute and second. */
  private void setFields(int... fields) {
    int[] registers = {0x32, 9, 8, 7, 4, 2, 0};
    for (int i = 0; i < registers.length; i++) {
      set(registers[i], fields[i]);
    }
  }

  private String shown() {
    register(0);
    StringBuilder text = new StringBuilder();
    for (int register : new int[] {0x32, 9, 8, 7, 4, 2, 0}) {
      text.append("%02x".formatted(register(register)));
    }
    return text.toString();
  }

  @Test
  void time_isSetAndAdvances() {
    setAsLinux(0x19, 0x99, 0x12, 0x31, 0x23, 0x59, 0x58);

    assertEquals("19991231235958", shown());
    time.advance(Duration.ofMillis(499));
    assertEquals("19991231235958", shown());
    time.advance(Duration.ofMillis(1));
    assertEquals("19991231235959", shown());
    time.advance(Duration.ofSeconds(1));
    assertEquals("20000101000000", shown());
    assertEquals(7, register(6)); // a Saturday
  }

  @Test
  void time_setWithTheClockStopped_keepsTheFractionOfTheSecond() {
    set(B, BCD_24 | SET);
    setFields(0x20, 0x30, 0x01, 0x02, 0x03, 0x04, 0x05);
    time.advance(Duration.ofSeconds(100));
    assertEquals("20300102030405", shown());
    set(B, BCD_24);

    time.advance(Duration.ofMillis(99));
    assertEquals("20300102030405", shown());
    time.advance(Duration.ofMillis(1));
    assertEquals("20300102030406", shown());
  }

  @Test
  void time_setWhileTheClockRuns_isTaken() {
    setFields(0x20, 0x30, 0x01, 0x02, 0x03, 0x04, 0x05);

    assertEquals("20300102030405", shown());
  }

  @ParameterizedTest
  @CsvSource({
    "0x06, 20, 30, 13, 14, 15, 16, 17", // binary, month 13
    "0x02, 0x20, 0x31, 0x01, 0x14, 0x15, 0x16, 0x17",
    "0x00, 0x20, 0x31, 0x01, 0x14, 0x83, 0x16, 0x17", // 3 PM
    "0x04, 20, 31, 1, 14, 0x83, 16, 17"
  })
  void time_isSetInEachFormat(
      String format,
      String century,
      String year,
      String month,
      String day,
      String hour,
      String minute,
      String second) {
    set(B, Integer.decode(format) | SET);
    setFields(
        Integer.decode(century),
        Integer.decode(year),
        Integer.decode(month),
        Integer.decode(day),
        Integer.decode(hour),
        Integer.decode(minute),
        Integer.decode(second));

    set(B, BCD_24 | SET); // the registers keep their bytes
    set(B, Integer.decode(format) | SET);
    set(B, Integer.decode(format));

    set(B, BCD_24);
    assertEquals("20310114151617", shown());
  }

  @Test
  void time_thatWasSet_isKeptByAResetAndByASave() throws Exception {
    setAsLinux(0x19, 0x99, 0x12, 0x31, 0x23, 0x59, 0x58);
    rtc.reset();
    assertEquals("19991231235958", shown());

    time.advance(Duration.ofMillis(10_500));
    CmosRtc after = restored(saved());

    after.write(0, 1, 0);
    assertEquals(0x09, after.read(1, 1));
    after.write(0, 1, 9);
    assertEquals(0x00, after.read(1, 1));
  }

  @Test
  void stoppedClock_isRestoredStopped() throws Exception {
    set(B, BCD_24 | SET);
    setFields(0x20, 0x30, 0x01, 0x02, 0x03, 0x04, 0x05);

    CmosRtc after = restored(saved());
    time.advance(Duration.ofSeconds(5));

    after.write(0, 1, 0);
    assertEquals(0x05, after.read(1, 1));
    after.write(0, 1, B);
    after.write(1, 1, BCD_24);
    after.write(0, 1, 9);
    assertEquals(0x30, after.read(1, 1));
  }

  @Test
  void stoppedClock_isStartedByAReset() {
    set(B, BCD_24 | SET);
    rtc.reset();

    time.advance(Duration.ofMillis(200));

    assertEquals("20261122235900", shown());
  }

  @Test
  void update_raisesAnInterruptEachSecond() {
    set(B, BCD_24 | UPDATE);
    assertEquals(0, interrupts.get());

    time.advance(Duration.ofMillis(100));

    assertEquals(1, interrupts.get());
    time.advance(Duration.ofSeconds(10));
    assertEquals(1, interrupts.get(), "register C was not read");
    assertEquals(PENDING | UPDATE | PERIODIC, register(C));
    assertEquals(0, register(C) & UPDATE);
    time.advance(Duration.ofSeconds(1));
    assertEquals(2, interrupts.get());
    assertEquals(1, time.waiting() + interrupts.get() - 1, "no timer while one is pending");
  }

  @Test
  void update_isFlaggedWithoutAnInterrupt() {
    time.advance(Duration.ofMillis(100));

    assertEquals(UPDATE, register(C) & (UPDATE | PENDING));
    assertEquals(0, register(C) & UPDATE);
    assertEquals(0, interrupts.get());
    assertEquals(0, time.waiting());
  }

  @Test
  void flagThatIsThere_raisesAnInterruptOnceItIsEnabled() {
    time.advance(Duration.ofSeconds(1));

    set(B, BCD_24 | UPDATE);

    assertEquals(1, interrupts.get());
    set(B, BCD_24);
    assertEquals(0, register(C) & PENDING);
  }

  @Test
  void stoppedClock_hasNoUpdates() {
    set(B, BCD_24 | UPDATE);
    set(B, BCD_24 | UPDATE | SET);

    time.advance(Duration.ofSeconds(3));

    assertEquals(0, register(B) & UPDATE);
    assertEquals(0, register(C) & UPDATE);
    assertEquals(0, interrupts.get());
  }

  private void alarm(int hour, int minute, int second) {
    set(5, hour);
    set(3, minute);
    set(1, second);
    set(B, register(B) | ALARM);
  }

  @ParameterizedTest
  @CsvSource({
    "0x23, 0x59, 0x00, 100",
    "0x23, 0x58, 0x59, 86399100", // this second is over: tomorrow
    "0x00, 0x00, 0x00, 60100",
    "0x00, 0x30, 0x10, 1870100",
    "0xff, 0xff, 0xff, 100",
    "0xff, 0xff, 0x10, 10100",
    "0xff, 0x05, 0xc0, 360100",
    "0x23, 0xff, 0x30, 30100",
    "0x22, 0xff, 0xff, 79260100"
  })
  void alarm_raisesAnInterruptAtItsTime(String hour, String minute, String second, long millis) {
    alarm(Integer.decode(hour), Integer.decode(minute), Integer.decode(second));

    time.advance(Duration.ofMillis(millis - 1));
    assertEquals(0, interrupts.get());
    time.advance(Duration.ofMillis(1));

    assertEquals(1, interrupts.get());
    assertEquals(PENDING | ALARM, register(C) & (PENDING | ALARM));
  }

  @Test
  void alarm_onATwelveHourDial() {
    time.set("2026-11-22T11:59:59Z");
    set(B, 0);
    alarm(0x92, 0x00, 0x00); // 12 PM

    time.advance(Duration.ofSeconds(1));

    assertEquals(1, interrupts.get());
  }

  @Test
  void alarm_thatNeverMatches_hasNoTimer() {
    alarm(0x25, 0x00, 0x00);

    assertEquals(0, time.waiting());
    time.advance(Duration.ofDays(2));
    assertEquals(0, interrupts.get());
  }

  @Test
  void alarm_afterTheTimeWasSet_goesByTheNewTime() {
    alarm(0x12, 0x00, 0x00);
    setAsLinux(0x20, 0x30, 0x01, 0x02, 0x11, 0x59, 0x58);

    time.advance(Duration.ofMillis(1499));
    assertEquals(0, interrupts.get());
    time.advance(Duration.ofMillis(1));

    assertEquals(1, interrupts.get());
  }

  @Test
  void alarm_whenTheHostsClockIsSet_isNotLate() {
    alarm(0x03, 0x00, 0x00);
    time.set("2026-11-23T02:59:59Z");

    time.advance(Duration.ofMinutes(2));

    assertEquals(1, interrupts.get());
  }

  @ParameterizedTest
  @CsvSource({"6, 1024", "15, 2", "1, 256", "2, 128", "3, 8192", "10, 64"})
  void period_raisesInterruptsAtItsRate(int rate, int hertz) {
    set(A, 0x20 | rate);
    register(C);
    set(B, BCD_24 | PERIODIC);
    int read = 0;
    for (int i = 0; i < hertz; i++) {
      int before = interrupts.get();
      time.advance(Duration.ofNanos(1_000_000_000L / hertz + 1));
      read += interrupts.get() - before;
      assertEquals(PENDING | PERIODIC, register(C) & (PENDING | PERIODIC));
    }

    assertEquals(hertz, read);
  }

  @Test
  void period_off_hasNoTimer() {
    set(A, 0x20);
    set(B, BCD_24 | PERIODIC);

    assertEquals(0, time.waiting());
  }

  @Test
  void guest_hasOneTimerAtMost() {
    SplittableRandom random = new SplittableRandom(16);
    for (int i = 0; i < 100_000; i++) {
      set(random.nextInt(16), random.nextInt(256));
      if (i % 7 == 0) {
        register(C);
        time.advance(Duration.ofNanos(random.nextLong(1_000_000)));
      }
      assertNotEquals(2, time.waiting());
    }
  }

  @Test
  void pendingInterrupt_isRaisedAgainAfterARestore() throws Exception {
    set(B, BCD_24 | UPDATE);
    time.advance(Duration.ofSeconds(1));
    assertEquals(1, interrupts.get());

    CmosRtc after = restored(saved());

    assertEquals(2, interrupts.get());
    after.write(0, 1, C);
    assertEquals(PENDING | UPDATE, after.read(1, 1) & (PENDING | UPDATE));
    time.advance(Duration.ofSeconds(1));
    assertEquals(3, interrupts.get());
  }

  @Test
  void reset_endsInterrupts() {
    set(B, BCD_24 | UPDATE | ALARM | PERIODIC);

    rtc.reset();

    assertEquals(0, time.waiting());
    time.advance(Duration.ofSeconds(2));
    assertEquals(0, register(C) & PENDING);
  }

  @Test
  void stateOfVersionOne_isOfAClockWithTheHostsTimeAndWithoutInterrupt() throws Exception {
    byte[] memory = new byte[128];
    memory[A] = 0x26;
    memory[B] = (byte) (BCD_24 | UPDATE);
    memory[13] = (byte) 0x80;
    memory[9] = 0x77; // a guest could write this, to no effect
    StateOutput old = new StateOutput().putBytes(memory).putByte(9);

    CmosRtc after = new CmosRtc(time, time, interrupts::incrementAndGet);
    after.restore(new StateInput("cmos", 1, old.toByteArray()));

    assertEquals(0x26, after.read(1, 1));
    assertEquals(false, after.isWired());
    time.advance(Duration.ofSeconds(5));
    assertEquals(0, interrupts.get());
    after.reset();
    assertEquals(true, after.isWired());
  }

  @Test
  void stateWithAnImpossibleOffset_isRefused() {
    byte[] memory = new byte[128];
    memory[13] = (byte) 0x80;
    for (long seconds : new long[] {Long.MAX_VALUE, Long.MIN_VALUE, 1L << 42}) {
      StateOutput output = new StateOutput().putBytes(memory).putByte(0);
      output.putLong(seconds).putInt(0).putBoolean(true);
      assertThrows(StateException.class, () -> restored(output.toByteArray()));
    }
    StateOutput output = new StateOutput().putBytes(memory).putByte(0);
    output.putLong(0).putInt(1_000_000_000).putBoolean(true);
    assertThrows(StateException.class, () -> restored(output.toByteArray()));
  }

  private byte[] saved() {
    StateOutput output = new StateOutput();
    rtc.save(output);
    return output.toByteArray();
  }

  private CmosRtc restored(byte[] state) throws StateException {
    CmosRtc after = new CmosRtc(time, time, interrupts::incrementAndGet);
    after.restore(new StateInput("cmos", 2, state));
    return after;
  }

  private int register(int index) {
    rtc.write(0, 1, index);
    return (int) rtc.read(1, 1);
  }

  private void set(int index, int value) {
    rtc.write(0, 1, index);
    rtc.write(1, 1, value);
  }
}
