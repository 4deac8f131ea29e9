package org.microvm.devices.legacy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;
import org.microvm.devices.state.Stateful;

/** The legacy devices continue from a restored state. */
@Timeout(60)
class LegacyStateTest {
  private static final int DATA = 0;
  private static final int IER = 1;
  private static final int FCR = 2;
  private static final int LSR = 5;
  private static final int SCRATCH = 7;

  private final List<Boolean> line = new ArrayList<>();

  private static void move(Stateful from, Stateful to) throws StateException {
    StateOutput output = new StateOutput();
    from.save(output);
    to.restore(new StateInput("device", from.stateVersion(), output.toByteArray()));
  }

  private Uart16550 uart() {
    return new Uart16550(line::add, new SerialRing(16, () -> {}));
  }

  @Test
  void uart_keepsReceivedBytesAndRegisters() throws Exception {
    Uart16550 before = uart();
    before.write(FCR, 1, 1);
    before.write(IER, 1, 1);
    before.write(SCRATCH, 1, 0x5a);
    for (byte value = 0; value < 10; value++) {
      before.receive(value);
    }
    before.read(DATA, 1);
    Uart16550 after = uart();

    move(before, after);

    assertEquals(0x5a, after.read(SCRATCH, 1));
    for (int value = 1; value < 10; value++) {
      assertEquals(value, after.read(DATA, 1));
    }
    assertEquals(0, after.read(LSR, 1) & 1);
  }

  /** The bytes of the host are back on the line, and the guest has sent itself others. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void uart_keepsBytesOnTheLineAndLoopedBytes(int fifo) throws Exception {
    Uart16550 before = uart();
    before.write(2, 1, fifo);
    before.write(1, 1, 1);
    StringBuilder expected = new StringBuilder();
    for (char c = 'a'; before.receive((byte) c); c++) {
      expected.append(c);
    }
    before.write(1, 1, 0);
    before.write(4, 1, 0x10);
    int count = expected.length();
    for (int i = 0; i < count; i++) {
      before.write(0, 1, 'A' + i);
      expected.insert(i, (char) ('A' + i));
    }
    before.write(4, 1, 0);
    Uart16550 after = uart();

    move(before, after);

    after.write(1, 1, 1);
    StringBuilder read = new StringBuilder();
    while ((after.read(5, 1) & 1) != 0) {
      read.append((char) after.read(0, 1));
    }
    assertEquals(expected.toString(), read.toString());
  }

  /** A reset of the FIFO puts bytes of the host back on the line, where there is room for 16. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void uart_restoredWithMoreBytesThanTheLineHolds_canBeReset(int fifo) throws Exception {
    Uart16550 restored = uart();
    int bytes = fifo == 0 ? 17 : 32;
    restored.restore(new StateInput("device", 1, uart(bytes, fifo == 1, 0, 0, 0).toByteArray()));

    restored.write(2, 1, 7 * fifo);
    restored.write(2, 1, 1 - fifo);

    restored.write(1, 1, 1);
    int read = 0;
    while ((restored.read(5, 1) & 1) != 0) {
      restored.read(0, 1);
      read++;
    }
    assertEquals(16, read);
  }

  @Test
  void uart_raisesADueInterruptAgain() throws Exception {
    Uart16550 before = uart();
    before.write(IER, 1, 1);
    before.receive((byte) 'x');
    line.clear();

    move(before, uart());

    assertEquals(List.of(true), line);
  }

  @Test
  void uart_withoutADueInterrupt_staysQuiet() throws Exception {
    move(uart(), uart());

    assertEquals(List.of(), line);
  }

  @Test
  void keyboardController_keepsItsBytes() throws Exception {
    I8042 before = new I8042(new RecordingEvents());
    before.write(4, 1, 0x60);
    before.write(0, 1, 0x47);
    before.write(4, 1, 0x20);
    I8042 after = new I8042(new RecordingEvents());

    move(before, after);

    assertTrue((after.read(4, 1) & 1) != 0);
    assertEquals(0x47, after.read(0, 1));
    assertFalse((after.read(4, 1) & 1) != 0);
  }

  private static CmosRtc clock(String now) {
    FakeTime time = new FakeTime(now);
    return new CmosRtc(time, time, () -> {});
  }

  @Test
  void clock_keepsItsMemoryAndShowsTheTimeOfNow() throws Exception {
    CmosRtc before = clock("2020-01-01T00:00:00Z");
    before.write(0, 1, 0x40);
    before.write(1, 1, 0x99);
    CmosRtc after = clock("2031-01-01T00:00:00Z");

    move(before, after);

    assertEquals(0x99, after.read(1, 1)); // the index was kept as well
    after.write(0, 1, 9);
    assertEquals(0x31, after.read(1, 1)); // BCD
  }

  @Test
  void stateThatIsTooShortOrTooLong_isRefused() {
    for (int length : new int[] {0, 5, 1000}) {
      StateInput input = new StateInput("device", 1, new byte[length]);
      assertThrows(StateException.class, () -> uart().restore(input));
    }
  }

  private static void assertRefused(Stateful device, StateOutput state) {
    StateInput input = new StateInput("device", 1, state.toByteArray());
    assertThrows(StateException.class, () -> device.restore(input));
  }

  private static StateOutput uart(int received, boolean fifo, int ier, int mcr, int changes) {
    return new StateOutput()
        .putBytes(new byte[received])
        .putByte(ier)
        .putByte(0)
        .putByte(mcr)
        .putByte(0)
        .putShort(12)
        .putByte(1)
        .putByte(changes)
        .putBoolean(fifo)
        .putBoolean(false)
        .putBoolean(false);
  }

  @Test
  void uart_moreBytesThanItsFifoHolds_areRefused() throws Exception {
    assertRefused(uart(), uart(33, true, 0, 0, 0));
    assertRefused(uart(), uart(18, false, 0, 0, 0));

    uart().restore(new StateInput("device", 1, uart(32, true, 0, 0, 0).toByteArray()));
    uart().restore(new StateInput("device", 1, uart(17, false, 0, 0, 0).toByteArray()));
  }

  @Test
  void uart_registersWithBitsThatNoGuestCanSet_areRefused() {
    assertRefused(uart(), uart(0, true, 0x10, 0, 0));
    assertRefused(uart(), uart(0, true, 0, 0x20, 0));
    assertRefused(uart(), uart(0, true, 0, 0, 0x10));
  }

  @Test
  void keyboardController_impossibleState_isRefused() {
    I8042 device = new I8042(new RecordingEvents());
    assertRefused(device, new StateOutput().putByte(0).putByte(33).putInt(-1).putByte(0));
    assertRefused(device, new StateOutput().putByte(0).putByte(0).putInt(256).putByte(0));
    assertRefused(device, new StateOutput().putByte(0).putByte(0).putInt(-1).putByte(0xaa));
  }

  @Test
  void clock_impossibleState_isRefused() {
    CmosRtc device = clock("2031-01-01T00:00:00Z");
    assertRefused(device, new StateOutput().putBytes(clockMemory(10, 0x80)).putByte(0));
    assertRefused(device, new StateOutput().putBytes(clockMemory(12, 1)).putByte(0));
    assertRefused(device, new StateOutput().putBytes(clockMemory(13, 0)).putByte(0));
    assertRefused(device, new StateOutput().putBytes(clockMemory(13, 0x80)).putByte(128));
    assertRefused(device, new StateOutput().putBytes(new byte[127]).putByte(0));
  }

  /** The memory of a new clock, with one byte changed. */
  private static byte[] clockMemory(int index, int value) {
    byte[] memory = new byte[128];
    memory[13] = (byte) 0x80;
    memory[index] = (byte) value;
    return memory;
  }
}
