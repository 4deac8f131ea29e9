package org.microvm.devices.legacy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class I8042Test {
  private static final int DATA = 0;
  private static final int COMMAND = 4;

  private final RecordingEvents events = new RecordingEvents();
  private final I8042 controller = new I8042(events);

  @Test
  void status_inputBufferIsFreeForLinuxKbWait() {
    assertEquals(0, controller.read(COMMAND, 1) & 0x02);
  }

  @Test
  void linuxFlush_stopsAfterSixteenBytes() {
    assertFalse(drained(16));
  }

  @Test
  void drain_withoutLimitEnds() {
    assertTrue(drained(1000));
  }

  @ParameterizedTest
  @ValueSource(ints = {0xfe, 0xf0, 0xfc})
  void command_pulseOfTheResetLineResets(int command) {
    controller.write(COMMAND, 1, command);

    assertEquals(List.of("reset by i8042"), events.seen);
  }

  @ParameterizedTest
  @ValueSource(ints = {0xff, 0xf1, 0xae, 0xdf, 0x00})
  void command_anythingElseDoesNotReset(int command) {
    controller.write(COMMAND, 1, command);

    assertEquals(List.of(), events.seen);
  }

  @Test
  void outputPort_resetBitClearResets() {
    controller.write(COMMAND, 1, 0xd1);
    controller.write(DATA, 1, 0xfe);

    assertEquals(List.of("reset by i8042"), events.seen);
  }

  @Test
  void outputPort_enablingA20DoesNotReset() {
    controller.write(COMMAND, 1, 0xd1);
    controller.write(DATA, 1, 0xdf);

    assertEquals(List.of(), events.seen);
  }

  @ParameterizedTest
  @CsvSource({"0xaa, 0x55", "0xab, 1", "0xa9, 1", "0xd0, 3", "0x20, 0"})
  void command_answers(String command, String answer) {
    controller.write(COMMAND, 1, Integer.decode(command));

    assertEquals(1, controller.read(COMMAND, 1) & 1);
    assertEquals(Integer.decode(answer).intValue(), controller.read(DATA, 1));
    assertEquals(0, controller.read(COMMAND, 1) & 1);
  }

  @Test
  void configuration_readsBackWhatWasWritten() {
    controller.write(COMMAND, 1, 0x60);
    controller.write(DATA, 1, 0x74);
    controller.write(COMMAND, 1, 0x20);

    assertEquals(0x74, controller.read(DATA, 1));
  }

  @Test
  void auxLoop_isNotMarkedAsAuxDataSoThereIsNoMouse() {
    controller.write(COMMAND, 1, 0xd3);
    controller.write(DATA, 1, 0x5a);

    assertEquals(1, controller.read(COMMAND, 1) & 0x21);
  }

  @Test
  void data_forTheAbsentKeyboardIsLost() {
    controller.write(COMMAND, 1, 0xae);
    controller.write(DATA, 1, 0xf2);

    assertEquals(0, controller.read(COMMAND, 1) & 1);
  }

  @Test
  void portsBetween_haveNoDevice() {
    assertEquals(0xff, controller.read(2, 1));
  }

  /** Linux's i8042_flush with a given limit. */
  private boolean drained(int limit) {
    for (int i = 0; (controller.read(COMMAND, 1) & 1) != 0; i++) {
      if (i >= limit) {
        return false;
      }
      controller.read(DATA, 1);
    }
    return true;
  }

  @Test
  void nmiStatus_hasNoCauseInTheHardware() {
    controller.write(1, 1, 0xff);

    assertEquals(0x3f, controller.read(1, 1));
  }
}
