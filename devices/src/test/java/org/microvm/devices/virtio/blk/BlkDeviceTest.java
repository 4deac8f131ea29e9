package org.microvm.devices.virtio.blk;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.microvm.devices.testing.Buffer.readable;
import static org.microvm.devices.testing.Buffer.writable;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.devices.testing.Buffer;
import org.microvm.devices.testing.RecordingIrqTrigger;
import org.microvm.devices.testing.TaskQueue;
import org.microvm.devices.testing.TestDriver;
import org.microvm.devices.testing.TestRam;
import org.microvm.devices.testing.UsedBuffer;
import org.microvm.devices.virtio.DeviceStatus;
import org.microvm.devices.virtio.VirtioFeatures;
import org.microvm.devices.virtio.VirtioMmioTransport;
import org.microvm.linux.Errno;
import org.microvm.linux.IovecArray;

class BlkDeviceTest {
  private static final int IN = 0;
  private static final int OUT = 1;
  private static final int FLUSH = 4;
  private static final int GET_ID = 8;
  private static final byte UNTOUCHED = (byte) 0xee;
  private static final int DISK_BYTES = 64 << 10;
  private static final BlkConfig SETTINGS = new BlkConfig("vda", "serial-1", false);

  @TempDir Path directory;

  private final TestRam ram = TestRam.of(4 << 20);
  private final TaskQueue eventLoop = new TaskQueue();
  private final RecordingIrqTrigger interrupt = new RecordingIrqTrigger();
  private final long status = ram.store(UNTOUCHED);
  private final long data = ram.allocate(8192, 512);
  private Path image;
  private RecordingBackend backend;
  private BlkDevice device;
  private TestDriver driver;

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

  @Test
  void device_announcesItself() {
    assertEquals(2, driver.read(0x008));
    assertEquals(256, driver.queueSizeMax(0));
    assertEquals(0, driver.queueSizeMax(1));
  }

  @Test
  void config_holdsCapacitySegmentsAndBlockSize() {
    assertEquals(DISK_BYTES / 512, driver.config(0, 8));
    assertEquals(254, driver.config(12, 4));
    assertEquals(512, driver.config(20, 4));
    assertEquals(0, driver.config(24, 4));
    assertEquals(1 << 22, driver.config(36, 4)); // max_discard_sectors
    assertEquals(32, driver.config(40, 4)); // max_discard_seg
    assertEquals(8, driver.config(44, 4)); // discard_sector_alignment
    assertEquals(1 << 22, driver.config(48, 4)); // max_write_zeroes_sectors
    assertEquals(32, driver.config(52, 4)); // max_write_zeroes_seg
    assertEquals(1, driver.config(56, 4)); // write_zeroes_may_unmap
    assertEquals(0, driver.config(60, 4));
  }

  @Test
  void features_areThoseThatAreThere() {
    long expected = 1 << 2 | 1 << 6 | 1 << 9 | 1 << 13 | 1 << 14 | TestDriver.RING_FEATURES;

    assertEquals(expected, driver.offeredFeatures());
  }

  @Test
  void read_wholeSectors_givesTheDisksBytes() {
    int head = request(IN, 1, writable(data, 1024));
    eventLoop.runNext();

    assertEquals(new UsedBuffer(head, 1025), driver.queue(0).poll());
    assertEquals(0, status());
    assertEquals(1, ram.load(data, 1)[0]);
    assertEquals(1, ram.load(data + 511, 1)[0]);
    assertEquals(0, ram.load(data + 512, 1)[0]);
    assertEquals(1, interrupt.count());
  }

  @Test
  void read_intoManyPieces_fillsThemInOrder() {
    request(IN, 1, writable(data + 1000, 100), writable(data, 411), writable(data + 2000, 1));
    eventLoop.runNext();

    assertEquals(0, status());
    assertEquals(1, ram.load(data + 1099, 1)[0]);
    assertEquals(1, ram.load(data + 410, 1)[0]);
    assertEquals(1, ram.load(data + 2000, 1)[0]);
  }

  @Test
  void write_wholeSectors_reachesTheImage() throws Exception {
    ram.put(data, pattern(1024));

    int head = request(OUT, 4, readable(data, 1000), readable(data + 1000, 24));
    eventLoop.runNext();

    assertEquals(new UsedBuffer(head, 1), driver.queue(0).poll());
    assertEquals(0, status());
    byte[] content = Files.readAllBytes(image);
    assertArrayEquals(pattern(1024), Arrays.copyOfRange(content, 2048, 3072));
  }

  @Test
  void write_headerAndDataInOnePiece_reachesTheImage() throws Exception {
    byte[] all = Arrays.copyOf(header(OUT, 0), 16 + 512);
    System.arraycopy(pattern(512), 0, all, 16, 512);

    driver.send(0, readable(ram.store(all), all.length), writable(status, 1));
    eventLoop.runNext();

    assertEquals(0, status());
    assertArrayEquals(pattern(512), Arrays.copyOf(Files.readAllBytes(image), 512));
  }

  @Test
  void write_flushNegotiated_isNotFlushedByItself() {
    request(OUT, 0, readable(data, 512));
    eventLoop.runNext();

    assertEquals(0, backend.flushes);
  }

  @Test
  void write_flushNotNegotiated_isStableWhenDone() {
    driver.start(VirtioFeatures.VERSION_1);

    request(OUT, 0, readable(data, 512));
    eventLoop.runNext();

    assertEquals(0, status());
    assertEquals(1, backend.flushes);
  }

  @Test
  void write_flushNotNegotiatedAndFails_isAnError() {
    driver.start(VirtioFeatures.VERSION_1);
    backend.flushResult = -Errno.EIO;

    request(OUT, 0, readable(data, 512));
    eventLoop.runNext();

    assertEquals(1, status());
  }

  @Test
  void flush_isDone() {
    int head = request(FLUSH, 0);
    eventLoop.runNext();

    assertEquals(new UsedBuffer(head, 1), driver.queue(0).poll());
    assertEquals(0, status());
    assertEquals(1, backend.flushes);
  }

  @Test
  void getId_givesTheSerialPadded() {
    int head = request(GET_ID, 0, writable(data, 20));

    assertEquals(new UsedBuffer(head, 21), driver.queue(0).poll());
    assertEquals(0, status());
    assertArrayEquals(
        Arrays.copyOf("serial-1".getBytes(StandardCharsets.US_ASCII), 20), ram.load(data, 20));
  }

  @Test
  void getId_moreRoom_leavesTheRestAlone() {
    ram.put(data + 20, UNTOUCHED);

    int head = request(GET_ID, 0, writable(data, 64));

    assertEquals(new UsedBuffer(head, 20), driver.queue(0).poll());
    assertEquals(UNTOUCHED, ram.load(data + 20, 1)[0]);
    assertEquals(0, status());
  }

  @Test
  void unknownType_isUnsupported() {
    int head = request(99, 0);

    assertEquals(new UsedBuffer(head, 1), driver.queue(0).poll());
    assertEquals(2, status());
  }

  @Test
  void outOfRange_isAnErrorAndTouchesNothing() {
    int head = request(IN, DISK_BYTES / 512, writable(data, 512));

    assertEquals(new UsedBuffer(head, 0), driver.queue(0).poll());
    assertEquals(1, status());
    assertEquals(0, backend.calls);
  }

  @Test
  void noRoomForStatus_isGivenBackEmpty() {
    int head = driver.send(0, readable(ram.store(header(FLUSH, 0)), 16));

    assertEquals(new UsedBuffer(head, 0), driver.queue(0).poll());
  }

  @Test
  void readOnly_offersTheBitAndRefusesWrites() throws Exception {
    device.close();
    start(new BlkConfig("vda", "", true));
    byte[] before = Files.readAllBytes(image);

    request(OUT, 0, readable(data, 512));

    assertTrue((driver.offeredFeatures() & 1 << 5) != 0);
    assertEquals(0, driver.offeredFeatures() & (1 << 13 | 1 << 14));
    assertEquals(0, driver.config(36, 8));
    assertEquals(1, status());
    assertArrayEquals(before, Files.readAllBytes(image));
  }

  @Test
  void shortTransfer_isContinued() {
    backend.mostPerCall = 100;

    request(IN, 1, writable(data, 512));
    eventLoop.runNext();

    assertEquals(0, status());
    assertEquals(6, backend.calls);
    assertEquals(1, ram.load(data + 511, 1)[0]);
  }

  @Test
  void shortWrite_isContinued() throws Exception {
    backend.mostPerCall = 100;
    ram.put(data, pattern(512));

    request(OUT, 2, readable(data, 512));
    eventLoop.runNext();

    assertEquals(0, status());
    assertArrayEquals(pattern(512), Arrays.copyOfRange(Files.readAllBytes(image), 1024, 1536));
  }

  @Test
  void interruptedTransfer_isRepeated() {
    backend.firstResult = -Errno.EINTR;

    request(IN, 1, writable(data, 512));
    eventLoop.runNext();

    assertEquals(0, status());
    assertEquals(2, backend.calls);
  }

  @Test
  void failedTransfer_isAnErrorForThisRequestOnly() {
    backend.firstResult = -Errno.EIO;
    int failing = request(IN, 1, writable(data, 512));
    eventLoop.runNext();
    int failed = status();
    int next = request(IN, 1, writable(data, 512));
    eventLoop.runNext();

    assertEquals(1, failed);
    assertEquals(0, status());
    assertEquals(new UsedBuffer(failing, 0), driver.queue(0).poll());
    assertEquals(new UsedBuffer(next, 513), driver.queue(0).poll());
  }

  @Test
  void imageCutShort_isAnError() throws Exception {
    Files.write(image, new byte[1024]);

    request(IN, 1, writable(data, 1024));
    eventLoop.runNext();

    assertEquals(1, status());
  }

  @Test
  void backendThrows_isAnErrorAndTheWorkerGoesOn() {
    backend.throwOnce = true;
    request(IN, 1, writable(data, 512));
    eventLoop.runNext();
    int failed = status();
    request(IN, 1, writable(data, 512));
    eventLoop.runNext();

    assertEquals(1, failed);
    assertEquals(0, status());
  }

  @Test
  void slowDisk_keepsNobodyElseWaiting() throws Exception {
    backend.block();
    request(IN, 0, writable(data, 512));
    backend.awaitBlocked();

    int head = request(GET_ID, 0, writable(data, 20));

    assertEquals(new UsedBuffer(head, 21), driver.queue(0).poll());
    assertNull(driver.queue(0).poll());
  }

  @Test
  void reset_waitsForTheRequestTheDiskIsBusyWith() throws Exception {
    backend.block();
    request(IN, 1, writable(data, 512));
    backend.awaitBlocked();
    Thread reset = startAndAwaitWaiting(driver::reset);

    backend.release.countDown();
    reset.join();

    assertEquals(UNTOUCHED, status());
    assertEquals(0, driver.status());
  }

  @Test
  void reset_requestsThatWait_areForgotten() throws Exception {
    backend.block();
    request(IN, 1, writable(data, 512));
    request(IN, 1, writable(data, 512));
    backend.awaitBlocked();
    Thread reset = startAndAwaitWaiting(driver::reset);
    backend.release.countDown();
    reset.join();
    driver.start();

    int head = request(IN, 1, writable(data, 512));

    // The worker keeps the order, so a request left in its queue would have been done before this
    // one.
    assertEquals(new UsedBuffer(head, 513), awaitUsed());
    assertEquals(2, backend.calls);
  }

  @Test
  void reset_requestThatIsDone_isNotCompletedInTheNextLife() {
    request(FLUSH, 0);
    eventLoop.awaitTask();
    driver.start();

    int head = request(IN, 1, writable(data, 512));

    assertEquals(new UsedBuffer(head, 513), awaitUsed());
    assertNull(driver.queue(0).poll());
  }

  @Test
  void queueTakenAway_waitsForTheDisk() throws Exception {
    backend.block();
    request(IN, 1, writable(data, 512));
    backend.awaitBlocked();
    Thread stop = startAndAwaitWaiting(this::takeQueueAway);

    backend.release.countDown();
    stop.join();

    assertEquals(UNTOUCHED, status());
  }

  @Test
  void brokenRing_needsReset() {
    driver.queue(0).offer(1000);

    driver.notifyQueue(0);

    assertTrue((driver.status() & DeviceStatus.DEVICE_NEEDS_RESET) != 0);
  }

  @Test
  void settings_serialTooLongOrNotAscii_isRefused() {
    assertThrows(IllegalArgumentException.class, () -> new BlkConfig("vda", "x".repeat(21), false));
    assertThrows(IllegalArgumentException.class, () -> new BlkConfig("vda", "\u00e9", false));
  }

  @Test
  void image_inUse_isRefusedByName() {
    var failure = assertThrows(IOException.class, () -> DiskFile.open(image, false));

    assertEquals(image + " is in use by another process", failure.getMessage());
  }

  private void start(BlkConfig settings) throws Exception {
    backend = new RecordingBackend(DiskFile.open(image, settings.readOnly()));
    device = new BlkDevice(settings, backend, eventLoop);
    driver = new TestDriver(new VirtioMmioTransport(device, ram.memory(), interrupt), ram).start();
  }

  private void takeQueueAway() {
    driver.write(0x030, 0);
    driver.write(0x044, 0);
  }

  /** Starts an action that has to wait; returns once it waits. */
  private static Thread startAndAwaitWaiting(Runnable action) throws InterruptedException {
    Thread thread = Thread.ofPlatform().start(action);
    while (thread.getState() != Thread.State.WAITING) {
      assertTrue(thread.isAlive(), "the action ended without waiting");
      Thread.sleep(1);
    }
    return thread;
  }

  /** Runs the event loop's tasks until a buffer has been used. */
  private UsedBuffer awaitUsed() {
    UsedBuffer used = driver.queue(0).poll();
    while (used == null) {
      eventLoop.runNext();
      used = driver.queue(0).poll();
    }
    return used;
  }

  /** Sends header, data and status; returns the head. */
  private int request(int type, long sector, Buffer... pieces) {
    Buffer[] all = new Buffer[pieces.length + 2];
    all[0] = readable(ram.store(header(type, sector)), 16);
    System.arraycopy(pieces, 0, all, 1, pieces.length);
    all[pieces.length + 1] = writable(status, 1);
    return driver.send(0, all);
  }

  private byte status() {
    return ram.load(status, 1)[0];
  }

  private static byte[] header(int type, long sector) {
    byte[] bytes = new byte[16];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(0, type).putLong(8, sector);
    return bytes;
  }

  private static byte[] pattern(int length) {
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; i++) {
      bytes[i] = (byte) (i * 7 + 3);
    }
    return bytes;
  }

  /** A real image with faults injected by a test. */
  private static final class RecordingBackend implements BlkBackend {
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
