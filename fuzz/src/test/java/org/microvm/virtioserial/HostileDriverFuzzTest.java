package org.microvm.virtioserial;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.microvm.devices.testing.Buffer;
import org.microvm.devices.testing.VirtqueueDriver;
import org.microvm.virtioserial.backend.NullBackend;

/** A driver of a serial device that does anything: control messages, data, rings, registers. */
class HostileDriverFuzzTest {
  private static final int PORTS = 3;
  private static final int BLOB = 64 << 10;
  private static final int STEP = 4;
  private static final int MAX_STEPS = 200;
  private static final int QUEUES = 2 * PORTS + 4;

  private final SerialMachine machine;
  private final Guest guest;
  private final long blob;
  private final long start;

  HostileDriverFuzzTest() throws IOException, PortException {
    Path directory = Files.createTempDirectory("fuzz");
    machine = SerialMachine.withMemory(directory, SerialConfig.defaults(), 4 << 20);
    guest = machine.guest;
    blob = guest.ram().allocate(BLOB, 16);
    start = guest.ram().mark();
    for (int nr = 1; nr <= PORTS; nr++) {
      machine.device.addPort(PortConfig.named("p" + nr).withNr(nr), NullBackend.open());
    }
  }

  @AfterEach
  void close() {
    machine.close();
  }

  /** Each step is 4 bytes: what to do, a queue or port, and two for a value. */
  @FuzzTest
  void steps_anyOrder_leaveAWorkingDevice(byte[] input) throws Exception {
    ErrorLog.takeErrors();
    guest.driver().reset();
    guest.ram().rewind(start);
    guest.probe(guest.driver().offeredFeatures());
    send(-1, Control.DEVICE_READY, 1);
    ByteBuffer steps = ByteBuffer.wrap(input);
    for (int i = 0; i < MAX_STEPS && steps.remaining() >= STEP; i++) {
      step(steps.get() & 15, steps.get() & 0xff, steps.getShort() & 0xffff);
    }
    machine.idle();
    List<String> errors = ErrorLog.takeErrors();
    if (!errors.isEmpty()) {
      throw new AssertionError(errors.toString());
    }
  }

  private void step(int what, int where, int value) {
    int queue = where % QUEUES;
    switch (what) {
      case 0, 1, 2 -> send(where % (PORTS + 2), value & 15, value >> 8);
      case 3, 4 -> fill(queue, value);
      case 5, 6, 7 -> transmit(queue, value);
      case 8 -> guest.driver().notifyQueue(where);
      case 9 -> guest.driver().acknowledge();
      case 10 -> guest.driver().writeConfig(where & 15, 1 << (value & 3), value);
      case 11 -> guest.queue(queue).offer(value);
      case 12 -> guest.queue(queue).availableIndex(value);
      case 13 ->
          guest
              .queue(queue)
              .descriptor(where & 63, blob + value * 16L, value, value & 7, value & 63);
      case 14 -> guest.driver().write(where & 0xfc, value);
      default -> sendRaw(where, value);
    }
  }

  private void fill(int queue, int length) {
    VirtqueueDriver ring = guest.queue(queue);
    if (ring.freeDescriptors() > 0) {
      ring.add(Buffer.writable(blob, 1 + length));
      guest.driver().notifyQueue(queue);
    }
  }

  private void transmit(int queue, int length) {
    VirtqueueDriver ring = guest.queue(queue);
    if (ring.freeDescriptors() > 0) {
      ring.add(Buffer.readable(blob, length));
      guest.driver().notifyQueue(queue);
    }
  }

  private void send(int nr, int event, int value) {
    sendBytes(Control.encode(nr, event, value));
  }

  private void sendRaw(int length, int value) {
    byte[] message = new byte[length & 31];
    Arrays.fill(message, (byte) value);
    sendBytes(message);
  }

  private void sendBytes(byte[] message) {
    VirtqueueDriver ring = guest.queue(Guest.CONTROL_OUT);
    if (ring.freeDescriptors() > 0) {
      ring.add(Buffer.readable(guest.ram().store(message), message.length));
      guest.driver().notifyQueue(Guest.CONTROL_OUT);
    }
  }
}
