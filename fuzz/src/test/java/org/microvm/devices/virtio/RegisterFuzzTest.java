package org.microvm.devices.virtio;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.microvm.devices.state.StateReader;
import org.microvm.devices.state.StateWriter;
import org.microvm.devices.testing.TestRam;

/** Any sequence of accesses to the registers of a virtio-mmio device. */
class RegisterFuzzTest {
  private static final int RAM = 64 << 10;
  private static final int ACCESS = 8;
  private static final int MAX_ACCESSES = 256;
  private static final int REGISTERS = 0x200;
  private static final String NAME = "device";

  private final TestRam ram = TestRam.of(RAM);

  /** Each access is 8 bytes: kind and size, a register, a value. Then the state is saved. */
  @FuzzTest
  void accesses_anyOrder_leaveADeviceThatCanBeSaved(byte[] input) throws Exception {
    VirtioMmioTransport transport = transport();
    ByteBuffer accesses = ByteBuffer.wrap(input).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < MAX_ACCESSES && accesses.remaining() >= ACCESS; i++) {
      int kind = accesses.get();
      int size = 1 << (kind >> 1 & 3);
      int offset = ((accesses.get() & 0xff) | (kind & 8) << 5) % REGISTERS;
      accesses.getShort();
      long value = accesses.getInt() & 0xffff_ffffL;
      if ((kind & 1) == 0) {
        transport.write(offset, size, value);
      } else {
        transport.read(offset, size);
      }
    }
    StateWriter writer = new StateWriter();
    transport.save(writer, NAME);
    transport().restore(StateReader.of(writer.toByteArray()), NAME);
  }

  private VirtioMmioTransport transport() {
    FakeDevice device = new FakeDevice();
    device.consuming = true;
    return new VirtioMmioTransport(device, ram.memory(), () -> {});
  }
}
