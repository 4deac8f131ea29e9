package org.microvm.devices.legacy;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Instant;
import java.util.List;
import org.microvm.devices.bus.Bus;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;
import org.microvm.devices.state.Stateful;

/**
 * Any sequence of accesses to the ports of a PC, and any saved state of the devices behind them.
 */
class PortFuzzTest {
  private static final int ACCESS = 4;
  private static final int MAX_ACCESSES = 512;
  private static final int RANGE = 16;
  private static final int MAX_COUNT = 64;

  private final MemorySegment data = Arena.ofAuto().allocate(MAX_COUNT * 4L);

  /** The devices of one machine on a bus, 16 ports for each. */
  private static final class Ports {
    private final Bus bus = new Bus("port");
    private final RecordingEvents events = new RecordingEvents();
    private final Uart16550 uart = new Uart16550(level -> {}, value -> {});
    private final I8042 i8042 = new I8042(events);
    private final CmosRtc rtc =
        new CmosRtc(
            () -> Instant.ofEpochSecond(1_700_000_000), (delay, task) -> () -> {}, () -> {});
    private final AcpiRegisters acpi = new AcpiRegisters(events, () -> {});

    private Ports() {
      bus.attach(0, 8, uart);
      bus.attach(RANGE, 5, i8042);
      bus.attach(2 * RANGE, 2, rtc);
      bus.attach(3 * RANGE, 4, new ExitPort(events));
      bus.attach(4 * RANGE, 4, new PowerPort(events));
      bus.attach(5 * RANGE, 1, new ResetPort(events));
      bus.attach(6 * RANGE, 1, new PvPanic(events));
      bus.attach(7 * RANGE, RANGE, acpi);
    }

    private List<Stateful> stateful() {
      return List.of(uart, i8042, rtc, acpi);
    }
  }

  /** Each access is 4 bytes: kind and size, port, count, value. Then every state is restored. */
  @FuzzTest
  void accesses_anyOrder_leaveDevicesThatCanBeSaved(byte[] input) throws Exception {
    Ports ports = new Ports();
    ByteBuffer accesses = ByteBuffer.wrap(input).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < MAX_ACCESSES && accesses.remaining() >= ACCESS; i++) {
      int kind = accesses.get();
      int size = 1 << (kind >> 3 & 3);
      int port = accesses.get() & 0x7f;
      int count = accesses.get() & (MAX_COUNT - 1);
      int value = accesses.get() & 0xff;
      switch (kind & 7) {
        case 0 -> ports.bus.read(port, size);
        case 1 -> ports.bus.readRepeated(port, Math.min(size, 4), data, 0, count);
        case 2 -> ports.bus.writeRepeated(port, Math.min(size, 4), data, 0, count);
        case 3 -> ports.uart.receive((byte) value);
        case 4 -> ports.acpi.pressPowerButton();
        default -> ports.bus.write(port, size, value * 0x0101_0101_0101_0101L);
      }
    }
    Ports restored = new Ports();
    for (int i = 0; i < ports.stateful().size(); i++) {
      Stateful device = ports.stateful().get(i);
      byte[] state = bytes(device);
      restored.stateful().get(i).restore(new StateInput("device", device.stateVersion(), state));
    }
  }

  /** The first byte selects the device; what it accepts works. */
  @FuzzTest
  void state_anyContent_isRefusedOrWorks(byte[] input) throws Exception {
    if (input.length < 2) {
      return;
    }
    Ports ports = new Ports();
    Stateful device = ports.stateful().get((input[0] & 0xff) % 4);
    byte[] content = new byte[input.length - 2];
    System.arraycopy(input, 2, content, 0, content.length);
    int version = 1 + (input[1] & 0xff) % device.stateVersion();
    try {
      device.restore(new StateInput("device", version, content));
    } catch (StateException e) {
      return;
    }
    for (int port = 0; port < 8 * RANGE; port++) {
      ports.bus.read(port, 1);
      ports.bus.write(port, 1, port);
      ports.uart.receive((byte) port);
    }
    bytes(device);
  }

  private static byte[] bytes(Stateful device) {
    StateOutput output = new StateOutput();
    device.save(output);
    return output.toByteArray();
  }
}
