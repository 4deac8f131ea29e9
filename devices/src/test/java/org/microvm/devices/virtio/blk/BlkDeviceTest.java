package org.microvm.devices.virtio.blk;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.microvm.devices.testing.Buffer.readable;
import static org.microvm.devices.testing.Buffer.writable;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.microvm.devices.testing.TestDriver;
import org.microvm.devices.testing.UsedBuffer;
import org.microvm.devices.testing.VirtqueueDriver;
import org.microvm.devices.virtio.DeviceStatus;
import org.microvm.devices.virtio.VirtioFeatures;
import org.microvm.devices.virtio.Virtqueue;
import org.microvm.linux.Errno;
import org.microvm.testing.NoThreads;

class BlkDeviceTest extends BlkDeviceFixture {
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

  /** Fills the ring with requests of a type that the device does not know. */
  private void addLongChains() {
    VirtqueueDriver queue = driver.queue(0);
    int length = Virtqueue.MAX_CHAIN_LENGTH;
    long table = ram.allocate(16L * length, 16);
    queue.tableEntry(table, 0, readable(ram.store(header(99, 0)), 16), VirtqueueDriver.NEXT, 1);
    for (int i = 1; i < length - 1; i++) {
      queue.tableEntry(table, i, readable(data, 0), VirtqueueDriver.NEXT, i + 1);
    }
    queue.tableEntry(table, length - 1, writable(status, 1), 0, 0);
    for (int i = 0; i < queue.size(); i++) {
      queue.descriptor(i, table, 16L * length, VirtqueueDriver.INDIRECT, 0);
      queue.availableEntry(i, i);
    }
    queue.availableIndex(queue.size());
  }

  @Test
  void longChains_takeSeveralTurns_soThatOtherDevicesGetTheirs() {
    addLongChains();
    driver.notifyQueue(0);

    assertTrue(driver.queue(0).usedIndex() < 16, driver.queue(0).usedIndex() + " at once");
    assertEquals(1, eventLoop.size());
    while (eventLoop.size() > 0) {
      eventLoop.runNext();
    }
    assertEquals(driver.queue(0).size(), driver.queue(0).usedIndex());
    assertEquals(0, driver.status() & DeviceStatus.DEVICE_NEEDS_RESET);
  }

  @Test
  void longChains_ofADriverThatResetsTheDevice_areForgotten() {
    addLongChains();
    driver.notifyQueue(0);

    driver.start();
    eventLoop.runNext();

    assertEquals(0, driver.queue(0).usedIndex());
    request(GET_ID, 0, writable(data, 20));
    assertEquals(1, driver.queue(0).usedIndex());
  }

  @Test
  void requestWithoutAThread_isDoneOnceThereIsOne() throws Exception {
    device.close();
    start(new BlkConfig("vda", "vda", false, DiskPolicy.defaults(), true));

    try (NoThreads _ = NoThreads.here()) {
      assertThrows(OutOfMemoryError.class, () -> request(IN, 1, writable(data, 512)));
    }
    // As the event loop does it for a device on a shared loop, a second after the error.
    assertTrue(transport.queuesNotified(0));

    awaitUsed();
    assertEquals(0, status());
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
  void write_flushNegotiated_isNotFlushed() {
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
}
