package org.microvm.devices.virtio.blk;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.microvm.devices.testing.Buffer.readable;
import static org.microvm.devices.testing.Buffer.writable;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.devices.testing.Buffer;
import org.microvm.devices.testing.RecordingIrqTrigger;
import org.microvm.devices.testing.TaskQueue;
import org.microvm.devices.testing.TestDriver;
import org.microvm.devices.testing.TestRam;
import org.microvm.devices.testing.UsedBuffer;
import org.microvm.devices.virtio.VirtioMmioTransport;
import org.microvm.linux.IovecArray;

/** A disk with an image, and its driver. */
abstract class BlkDeviceFixture {
  static final int IN = 0;
  static final int OUT = 1;
  static final int FLUSH = 4;
  static final int GET_ID = 8;
  static final byte UNTOUCHED = (byte) 0xee;
  static final int DISK_BYTES = 64 << 10;
  static final BlkConfig SETTINGS = new BlkConfig("vda", "serial-1", false);

  @TempDir Path directory;

  final TestRam ram = TestRam.of(4 << 20);
  final TaskQueue eventLoop = new TaskQueue();
  final RecordingIrqTrigger interrupt = new RecordingIrqTrigger();
  final long status = ram.store(UNTOUCHED);
  final long data = ram.allocate(8192, 512);
  Path image;
  RecordingBackend backend;
  BlkDevice device;
  VirtioMmioTransport transport;
  TestDriver driver;

  @BeforeEach
  void startOnAnImage() throws Exception {
    image = directory.resolve("disk.img");
    byte[] content = new byte[DISK_BYTES + 100];
    Arrays.fill(content, 512, 1024, (byte) 1);
    Files.write(image, content);
    start(SETTINGS);
  }

  @AfterEach
  void close() {
    backend.release.countDown();
    device.close();
  }

  void start(BlkConfig settings) throws Exception {
    backend = new RecordingBackend(DiskFile.open(image, settings.readOnly()));
    device = new BlkDevice(settings, backend, eventLoop);
    transport = new VirtioMmioTransport(device, ram.memory(), interrupt);
    driver = new TestDriver(transport, ram).start();
  }

  void takeQueueAway() {
    driver.write(0x030, 0);
    driver.write(0x044, 0);
  }

  /** Starts an action that has to wait; returns once it waits. */
  static Thread startAndAwaitWaiting(Runnable action) throws InterruptedException {
    Thread thread = Thread.ofPlatform().start(action);
    while (thread.getState() != Thread.State.WAITING) {
      assertTrue(thread.isAlive(), "the action ended without waiting");
      Thread.sleep(1);
    }
    return thread;
  }

  /** Runs the event loop's tasks until a buffer has been used. */
  UsedBuffer awaitUsed() {
    UsedBuffer used = driver.queue(0).poll();
    while (used == null) {
      eventLoop.runNext();
      used = driver.queue(0).poll();
    }
    return used;
  }

  /** Sends header, data and status; returns the head. */
  int request(int type, long sector, Buffer... pieces) {
    Buffer[] all = new Buffer[pieces.length + 2];
    all[0] = readable(ram.store(header(type, sector)), 16);
    System.arraycopy(pieces, 0, all, 1, pieces.length);
    all[pieces.length + 1] = writable(status, 1);
    return driver.send(0, all);
  }

  byte status() {
    return ram.load(status, 1)[0];
  }

  static byte[] header(int type, long sector) {
    byte[] bytes = new byte[16];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(0, type).putLong(8, sector);
    return bytes;
  }

  static byte[] pattern(int length) {
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; i++) {
      bytes[i] = (byte) (i * 7 + 3);
    }
    return bytes;
  }

  /** A real image with faults injected by a test. */
  static final class RecordingBackend implements BlkBackend {
    final BlkBackend real;
    final CountDownLatch release = new CountDownLatch(1);
    private final CountDownLatch blocked = new CountDownLatch(1);
    private volatile boolean blocking;
    volatile int calls;
    volatile int flushes;
    volatile long flushResult;
    volatile long firstResult;
    volatile long mostPerCall = Long.MAX_VALUE;
    volatile boolean throwOnce;

    RecordingBackend(BlkBackend real) {
      this.real = real;
    }

    void block() {
      blocking = true;
    }

    void awaitBlocked() throws InterruptedException {
      assertTrue(blocked.await(10, TimeUnit.SECONDS));
    }

    @Override
    public long size() {
      return real.size();
    }

    @Override
    public long read(IovecArray target, long offset) {
      calls++;
      if (blocking) {
        blocked.countDown();
        await(release);
      }
      if (throwOnce) {
        throwOnce = false;
        throw new IllegalStateException("test");
      }
      if (firstResult != 0) {
        long result = firstResult;
        firstResult = 0;
        return result;
      }
      // The bytes read beyond that are overwritten by the next call.
      return Math.min(mostPerCall, real.read(target, offset));
    }

    @Override
    public long write(IovecArray source, long offset) {
      calls++;
      return Math.min(mostPerCall, real.write(source, offset));
    }

    @Override
    public long flush() {
      flushes++;
      long result = flushResult;
      return result == 0 ? real.flush() : result;
    }

    @Override
    public void close() {
      real.close();
    }

    private static void await(CountDownLatch latch) {
      try {
        latch.await();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
