package org.microvm.devices.legacy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;

class AcpiRegistersTest {
  private static final int EVENTS = 0;
  private static final int SLEEP_CONTROL = 1;
  private static final int SLEEP_STATUS = 2;
  private static final int RESET = 3;

  private final RecordingEvents events = new RecordingEvents();
  private final AtomicInteger interrupts = new AtomicInteger();
  private final AcpiRegisters registers = new AcpiRegisters(events, interrupts::incrementAndGet);

  @Test
  void sleepControl_enableWithS5_switchesOff() {
    registers.write(SLEEP_CONTROL, 1, 1 << 5 | 5 << 2);

    assertEquals(List.of("power off"), events.seen);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 5 << 2, 1 << 5, 1 << 5 | 3 << 2, 1 << 5 | 7 << 2})
  void sleepControl_otherValue_isIgnored(int value) {
    registers.write(SLEEP_CONTROL, 1, value);

    assertEquals(List.of(), events.seen);
  }

  @Test
  void reset_one_resets() {
    registers.write(RESET, 1, 1);

    assertEquals(List.of("reset by ACPI"), events.seen);
  }

  @ParameterizedTest
  @CsvSource({"0, 4, 0x010101b5", "2, 2, 0x0101", "3, 1, 0", "3, 1, 6", "2, 1, 0xff"})
  void write_ofAnotherSizeOrValue_doesNothing(int offset, int size, String value) {
    registers.write(offset, size, Long.decode(value));

    assertEquals(List.of(), events.seen);
    assertFalse(registers.isInUse());
  }

  @Test
  void sleepStatus_afterAWrite_isClear() {
    registers.write(SLEEP_STATUS, 1, 0x80);

    assertEquals(0, registers.read(SLEEP_STATUS, 1));
  }

  @Test
  void powerButton_guestWithoutAcpi_isNotPressed() {
    assertFalse(registers.pressPowerButton());
    assertEquals(0, interrupts.get());
    assertEquals(0, registers.read(EVENTS, 1));
  }

  @Test
  void powerButton_guestWithAcpi_isSeenOnce() {
    registers.write(EVENTS, 1, 1);

    assertTrue(registers.pressPowerButton());

    assertEquals(1, interrupts.get());
    assertEquals(1, registers.read(EVENTS, 1));
    assertEquals(0, registers.read(EVENTS, 1));
  }

  @Test
  void reset_pressedButton_isForgotten() {
    registers.write(EVENTS, 1, 1);
    registers.pressPowerButton();

    registers.reset();

    assertFalse(registers.isInUse());
    assertEquals(0, registers.read(EVENTS, 1));
  }

  @Test
  void restore_pressedButton_interruptsAgain() throws Exception {
    registers.write(EVENTS, 1, 1);
    registers.pressPowerButton();
    AtomicInteger restoredInterrupts = new AtomicInteger();
    AcpiRegisters restored = new AcpiRegisters(events, restoredInterrupts::incrementAndGet);

    restored.restore(saved());

    assertTrue(restored.isInUse());
    assertEquals(1, restoredInterrupts.get());
    assertEquals(1, restored.read(EVENTS, 1));
  }

  @Test
  void restore_unusedRegisters_staysSilent() throws Exception {
    registers.restore(saved());

    assertFalse(registers.isInUse());
    assertEquals(0, interrupts.get());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "01", "0200", "010000"})
  void restore_damagedState_isRefused(String hex) {
    byte[] payload = HexFormat.of().parseHex(hex);

    assertThrows(StateException.class, () -> registers.restore(new StateInput("acpi", 1, payload)));
  }

  private StateInput saved() {
    StateOutput output = new StateOutput();
    registers.save(output);
    return new StateInput("acpi", registers.stateVersion(), output.toByteArray());
  }
}
