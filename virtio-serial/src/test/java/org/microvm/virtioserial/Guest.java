package org.microvm.virtioserial;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.microvm.devices.IrqTrigger;
import org.microvm.devices.bus.BusDevice;
import org.microvm.devices.testing.Buffer;
import org.microvm.devices.testing.TestDriver;
import org.microvm.devices.testing.TestRam;
import org.microvm.devices.testing.UsedBuffer;
import org.microvm.devices.testing.VirtqueueDriver;

/**
 * A driver that uses the device as Linux does: it posts page-sized receive buffers, waits until
 * control messages are used, and relies on interrupts. For use by one thread.
 */
final class Guest {
  static final int PAGE = 4096;
  static final int DEVICE_ID = -1;
  static final int CONTROL_IN = 2;
  static final int CONTROL_OUT = 3;

  /** An interrupt that a test can wait for. */
  static final class Line implements IrqTrigger {
    private final Semaphore edges = new Semaphore(0);

    @Override
    public void raise() {
      edges.release();
    }

    void await(String what) {
      try {
        if (!edges.tryAcquire(Await.LIMIT.toSeconds(), TimeUnit.SECONDS)) {
          throw new AssertionError("no interrupt arrived: " + what);
        }
        edges.drainPermits();
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }
  }

  private final TestDriver driver;
  private final TestRam ram;
  private final Line line;
  private long controlBuffer;

  /** The addresses of the receive buffers by queue and head. */
  private long[][] receiveBuffers = {};

  Guest(BusDevice registers, TestRam ram, Line line) {
    this.driver = new TestDriver(registers, ram);
    this.ram = ram;
    this.line = line;
    controlBuffer = ram.allocate(8, 1);
  }

  TestDriver driver() {
    return driver;
  }

  TestRam ram() {
    return ram;
  }

  VirtqueueDriver queue(int index) {
    return driver.queue(index);
  }

  /** Activates the device and fills the control receive queue, but sends no message yet. */
  Guest probe(long features) {
    driver.start(features);
    receiveBuffers = new long[256][64];
    return this;
  }

  /** Probes the device as Linux does, up to and including DEVICE_READY. */
  Guest boot() {
    probe(driver.offeredFeatures());
    addBuffers(CONTROL_IN, 64, PAGE);
    sendControl(DEVICE_ID, Control.DEVICE_READY, 1);
    return this;
  }

  /** Returns the receive queue (host to guest) of a port. */
  static int in(int port) {
    return port == 0 ? 0 : 2 * port + 2;
  }

  /** Returns the transmit queue (guest to host) of a port. */
  static int out(int port) {
    return in(port) + 1;
  }

  /** Sends a control message and waits until it is used, as Linux does. */
  void sendControl(int id, int event, int value) {
    tellRaw(Control.encode(id, event, value));
  }

  void tellRaw(byte... message) {
    ram.put(
        controlBuffer = message.length > 8 ? ram.allocate(message.length, 1) : controlBuffer,
        message);
    driver.send(CONTROL_OUT, Buffer.readable(controlBuffer, message.length));
    UsedBuffer used = awaitUsed(CONTROL_OUT);
    check(used.length() == 0, "a control transmit buffer has used length " + used.length());
  }

  /** Handles PORT_ADD as Linux does: fills the receive queue and reports that the port is ready. */
  void ready(int port) {
    int free = queue(in(port)).freeDescriptors();
    addBuffers(in(port), free, PAGE);
    sendControl(port, Control.PORT_READY, 1);
  }

  void open(int port) {
    sendControl(port, Control.PORT_OPEN, 1);
  }

  void close(int port) {
    sendControl(port, Control.PORT_OPEN, 0);
  }

  void addBuffers(int queue, int count, int size) {
    for (int i = 0; i < count; i++) {
      addBuffer(queue, ram.allocate(size, 1), size);
    }
  }

  /** Puts a receive buffer into the ring; the device sees it after the next publication. */
  void stageBuffer(int queue, int size) {
    long address = ram.allocate(Math.max(size, PAGE), 1);
    int head = queue(queue).stage(Buffer.writable(address, size));
    receiveBuffers[queue][head] = address;
  }

  private void addBuffer(int queue, long address, int size) {
    int head = driver.send(queue, Buffer.writable(address, size));
    receiveBuffers[queue][head] = address;
  }

  /** Waits for the next control message and returns it. */
  Control next() {
    byte[] bytes = receive(CONTROL_IN);
    return Control.decode(bytes);
  }

  List<Control> next(int count) {
    List<Control> messages = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      messages.add(next());
    }
    return messages;
  }

  /** Returns all control messages that have arrived. */
  List<Control> waiting() {
    List<Control> messages = new ArrayList<>();
    for (UsedBuffer used = queue(CONTROL_IN).poll(); used != null; ) {
      messages.add(Control.decode(take(CONTROL_IN, used)));
      used = queue(CONTROL_IN).poll();
    }
    return messages;
  }

  /** Returns the bytes of the next used receive buffer and posts the buffer again. */
  byte[] receive(int queue) {
    return take(queue, awaitUsed(queue));
  }

  /** Returns the bytes of all used receive buffers and posts the buffers again. */
  byte[] receiveAll(int queue) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (UsedBuffer used = queue(queue).poll(); used != null; used = queue(queue).poll()) {
      bytes.writeBytes(take(queue, used));
    }
    return bytes.toByteArray();
  }

  /** Reads exactly {@code count} bytes of a port. */
  byte[] read(int port, int count) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    while (bytes.size() < count) {
      bytes.writeBytes(receive(in(port)));
    }
    check(bytes.size() == count, "%d bytes arrived instead of %d".formatted(bytes.size(), count));
    return bytes.toByteArray();
  }

  private byte[] take(int queue, UsedBuffer used) {
    long address = receiveBuffers[queue][used.head()];
    check(used.length() > 0, "a receive buffer was used with length 0");
    byte[] bytes = ram.load(address, (int) used.length());
    addBuffer(queue, address, PAGE);
    return bytes;
  }

  /** Sends one buffer without waiting; returns its head. */
  int write(int port, byte[] bytes) {
    long address = ram.store(bytes);
    return driver.send(out(port), Buffer.readable(address, bytes.length));
  }

  /** Sends one buffer made of the given pieces. */
  int write(int port, Buffer... pieces) {
    return driver.send(out(port), pieces);
  }

  /** Waits until the device has used a buffer, relying on interrupts alone. */
  UsedBuffer awaitUsed(int queue) {
    VirtqueueDriver ring = queue(queue);
    for (; ; ) {
      UsedBuffer used = ring.poll();
      if (used != null) {
        return used;
      }
      if (!ring.enableInterrupts()) {
        line.await("queue " + queue);
        driver.acknowledge();
      }
    }
  }

  /** Waits for the next interrupt and acknowledges it. */
  void awaitInterrupt() {
    line.await("any");
    driver.acknowledge();
  }

  /** Waits until {@code count} transmit buffers of a port are used. */
  void awaitSent(int port, int count) {
    for (int i = 0; i < count; i++) {
      UsedBuffer used = awaitUsed(out(port));
      check(used.length() == 0, "a transmit buffer has used length " + used.length());
    }
  }

  static byte[] bytes(int count, int seed) {
    byte[] bytes = new byte[count];
    new java.util.Random(seed).nextBytes(bytes);
    return bytes;
  }

  static byte[] filled(int count, char with) {
    byte[] bytes = new byte[count];
    Arrays.fill(bytes, (byte) with);
    return bytes;
  }

  private static void check(boolean holds, String message) {
    if (!holds) {
      throw new AssertionError(message);
    }
  }
}
