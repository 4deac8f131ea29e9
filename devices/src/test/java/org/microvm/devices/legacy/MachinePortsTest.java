package org.microvm.devices.legacy;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MachinePortsTest {
  private final RecordingEvents events = new RecordingEvents();

  @ParameterizedTest
  @CsvSource({"0, 1, 1", "1, 1, 3", "0x20, 4, 65", "0x7fffffff, 4, -1"})
  void exitPort_statusIsTwiceTheValueAndOne(String value, int size, int status) {
    new ExitPort(events).write(0, size, Long.decode(value));

    assertEquals(List.of("exit " + status), events.seen);
  }

  @Test
  void nmiStatus_hasNoErrorOfTheHardware() {
    NmiStatusPort port = new NmiStatusPort();

    port.write(0, 1, 0xff);

    assertEquals(0, port.read(0, 1) & 0xc0);
  }

  @Test
  void powerPort_sleepEnableWithTypeS5SwitchesOff() {
    new PowerPort(events).write(0, 2, 0x2000);

    assertEquals(List.of("power off"), events.seen);
  }

  @Test
  void powerPort_upperHalfAloneSwitchesOff() {
    new PowerPort(events).write(1, 1, 0x20);

    assertEquals(List.of("power off"), events.seen);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 0x1c00, 0x2400, 0x3c00})
  void powerPort_otherValuesAreIgnored(int value) {
    new PowerPort(events).write(0, 2, value);

    assertEquals(List.of(), events.seen);
  }

  @ParameterizedTest
  @CsvSource({"1, panicked", "2, crash kernel loaded", "3, panicked", "0xff, panicked"})
  void pvPanic_writeReportsTheEvent(String value, String event) {
    new PvPanic(events).write(0, 1, Long.decode(value));

    assertEquals(List.of(event), events.seen);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 4, 0xfc})
  void pvPanic_unknownEventsAreIgnored(int value) {
    new PvPanic(events).write(0, 1, value);

    assertEquals(List.of(), events.seen);
  }

  @Test
  void pvPanic_showsTheSupportedEvents() {
    assertEquals(3, new PvPanic(events).read(0, 1));
  }

  @Test
  void powerPort_showsAcpiModeOn() {
    assertEquals(1, new PowerPort(events).read(0, 2));
  }

  @ParameterizedTest
  @ValueSource(ints = {0x04, 0x06, 0x0e})
  void resetPort_bitTwoResets(int value) {
    new ResetPort(events).write(0, 1, value);

    assertEquals(List.of("reset by port 0xcf9"), events.seen);
  }

  @Test
  void resetPort_kindOfResetIsKeptAndResetsNothing() {
    ResetPort port = new ResetPort(events);

    port.write(0, 1, 0x02);

    assertEquals(2, port.read(0, 1));
    assertEquals(List.of(), events.seen);
  }
}
