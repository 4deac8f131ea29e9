package org.microvm.devices.virtio.blk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.microvm.devices.testing.Buffer.readable;
import static org.microvm.devices.testing.Buffer.writable;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.microvm.devices.testing.Buffer;
import org.microvm.devices.testing.TestRam;
import org.microvm.devices.testing.VirtqueueDriver;
import org.microvm.devices.virtio.VirtioFeatures;
import org.microvm.devices.virtio.Virtqueue;
import org.microvm.devices.virtio.blk.BlkRequest.Kind;

class BlkRequestTest {
  private static final int IN = 0;
  private static final int OUT = 1;
  private static final long DISK_SECTORS = 100;
  private static final BlkRequest REFUSED = new BlkRequest(Kind.REFUSED, 0, 0);

  private final TestRam ram = TestRam.of(1 << 20);
  private final VirtqueueDriver driver = new VirtqueueDriver(ram, 0, 16, VirtioFeatures.VERSION_1);
  private final long data = ram.allocate(4096, 512);
  private final Buffer status = writable(ram.allocate(1, 1), 1);

  @Test
  void parse_in_isARead() throws Exception {
    assertEquals(
        new BlkRequest(Kind.READ, 3 * 512, 1024),
        parse(header(IN, 3), writable(data, 1024), status));
  }

  @Test
  void parse_out_isAWrite() throws Exception {
    assertEquals(
        new BlkRequest(Kind.WRITE, 3 * 512, 512),
        parse(header(OUT, 3), readable(data, 512), status));
  }

  @Test
  void parse_headerInPieces_isTheSame() throws Exception {
    long header = header(IN, 5).address();

    assertEquals(
        new BlkRequest(Kind.READ, 5 * 512, 512),
        parse(
            readable(header, 1),
            readable(header + 1, 8),
            readable(header + 9, 7),
            writable(data, 512),
            status));
  }

  @Test
  void parse_headerAndDataInOnePiece_areCutByLength() throws Exception {
    long header = header(OUT, 5).address();

    assertEquals(
        new BlkRequest(Kind.WRITE, 5 * 512, 512), parse(readable(header, 16 + 512), status));
  }

  @Test
  void parse_statusInThePieceOfTheData_isCutByLength() throws Exception {
    assertEquals(new BlkRequest(Kind.READ, 0, 512), parse(header(IN, 0), writable(data, 513)));
  }

  @Test
  void parse_flush_isAFlush() throws Exception {
    assertEquals(new BlkRequest(Kind.FLUSH, 0, 0), parse(header(4, 0), status));
  }

  @Test
  void parse_getId_takesTwentyBytes() throws Exception {
    assertEquals(
        new BlkRequest(Kind.GET_ID, 0, 20), parse(header(8, 0), writable(data, 64), status));
  }

  @Test
  void parse_getIdWithLessRoom_takesTheRoom() throws Exception {
    assertEquals(new BlkRequest(Kind.GET_ID, 0, 5), parse(header(8, 0), writable(data, 5), status));
  }

  @Test
  void parse_discard_hasItsRanges() throws Exception {
    assertEquals(
        new BlkRequest(
            Kind.DISCARD, 0, 0, List.of(new BlkRange(1024, 512, false), new BlkRange(0, 0, false))),
        parse(header(11, 0), ranges(range(2, 1, 0), range(0, 0, 0)), status));
  }

  @Test
  void parse_writeZeroes_mayUnmap() throws Exception {
    assertEquals(
        new BlkRequest(
            Kind.WRITE_ZEROES,
            0,
            0,
            List.of(new BlkRange(99 * 512, 512, true), new BlkRange(0, 100 * 512, false))),
        parse(header(13, 0), ranges(range(99, 1, 1), range(0, 100, 0)), status));
  }

  @Test
  void parse_discardWithAFlag_isUnsupported() throws Exception {
    BlkRequest unsupported = new BlkRequest(Kind.UNSUPPORTED, 0, 0);

    assertEquals(unsupported, parse(header(11, 0), ranges(range(0, 1, 1)), status));
    assertEquals(unsupported, parse(header(11, 0), ranges(range(0, 1, 0), range(0, 1, 2)), status));
    assertEquals(unsupported, parse(header(13, 0), ranges(range(0, 1, 2)), status));
    assertEquals(unsupported, parse(header(13, 0), ranges(range(0, 1, 1 << 31)), status));
  }

  @Test
  void parse_discardOutsideTheDisk_isRefused() throws Exception {
    for (int type : new int[] {11, 13}) {
      assertEquals(REFUSED, parse(header(type, 0), ranges(range(100, 1, 0)), status));
      assertEquals(REFUSED, parse(header(type, 0), ranges(range(0, 101, 0)), status));
      assertEquals(REFUSED, parse(header(type, 0), ranges(range(-1, 1, 0)), status));
      assertEquals(REFUSED, parse(header(type, 0), ranges(range(1L << 55, 1, 0)), status));
      assertEquals(REFUSED, parse(header(type, 0), ranges(range(0, -1, 0)), status));
      assertEquals(
          REFUSED, parse(header(type, 0), ranges(range(0, 1, 0), range(99, 2, 0)), status));
    }
  }

  @Test
  void parse_discardWithNoWholeRanges_isRefused() throws Exception {
    assertEquals(REFUSED, parse(header(11, 0), status));
    assertEquals(REFUSED, parse(header(11, 0), readable(data, 15), status));
    assertEquals(REFUSED, parse(header(11, 0), readable(data, 17), status));
    assertEquals(REFUSED, parse(header(11, 0), readable(data, 33 * 16), status));
    assertEquals(Kind.DISCARD, parse(header(11, 0), readable(data, 32 * 16), status).kind());
  }

  @Test
  void parse_discardOnAReadOnlyDisk_isRefused() throws Exception {
    Virtqueue queue = new Virtqueue(ram.memory(), driver.config(), VirtioFeatures.VERSION_1);
    driver.add(header(11, 0), ranges(range(0, 1, 0)), status);
    driver.add(header(13, 0), ranges(range(0, 1, 0)), status);

    assertEquals(REFUSED, BlkRequest.parse(queue.pop(), new byte[16], DISK_SECTORS, true));
    assertEquals(REFUSED, BlkRequest.parse(queue.pop(), new byte[16], DISK_SECTORS, true));
  }

  private static byte[] range(long sector, int count, int flags) {
    return ByteBuffer.allocate(16)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(sector)
        .putInt(count)
        .putInt(flags)
        .array();
  }

  private Buffer ranges(byte[]... ranges) {
    ByteBuffer all = ByteBuffer.allocate(16 * ranges.length);
    for (byte[] range : ranges) {
      all.put(range);
    }
    return readable(ram.store(all.array()), all.capacity());
  }

  @Test
  void parse_typeAllOnes_isUnsupported() throws Exception {
    assertEquals(new BlkRequest(Kind.UNSUPPORTED, 0, 0), parse(header(-1, 0), status));
  }

  @Test
  void parse_noRoomForStatus_isUnanswerable() throws Exception {
    assertEquals(
        new BlkRequest(Kind.UNANSWERABLE, 0, 0), parse(header(OUT, 0), readable(data, 512)));
  }

  @Test
  void parse_headerTooShort_isRefused() throws Exception {
    assertEquals(REFUSED, parse(readable(header(IN, 0).address(), 15), status));
  }

  @Test
  void parse_noWholeSectors_isRefused() throws Exception {
    assertEquals(REFUSED, parse(header(IN, 0), writable(data, 511), status));
    assertEquals(REFUSED, parse(header(OUT, 0), readable(data, 513), status));
  }

  @Test
  void parse_lastSector_isWithin() throws Exception {
    assertEquals(
        new BlkRequest(Kind.READ, 99 * 512, 512),
        parse(header(IN, 99), writable(data, 512), status));
  }

  @Test
  void parse_endsBehindTheDisk_isRefused() throws Exception {
    assertEquals(REFUSED, parse(header(IN, 99), writable(data, 1024), status));
  }

  @Test
  void parse_startsAtTheEnd_isRefused() throws Exception {
    assertEquals(REFUSED, parse(header(IN, 100), writable(data, 512), status));
  }

  @Test
  void parse_sectorThatOverflowsInBytes_isRefused() throws Exception {
    // 2^55 sectors are 2^64 bytes, which would wrap to byte 0.
    assertEquals(REFUSED, parse(header(IN, 1L << 55), writable(data, 512), status));
  }

  @Test
  void parse_sectorNegative_isRefused() throws Exception {
    assertEquals(REFUSED, parse(header(IN, -1), writable(data, 512), status));
    assertEquals(REFUSED, parse(header(OUT, Long.MIN_VALUE), readable(data, 512), status));
  }

  @Test
  void parse_longerThanTheDisk_isRefused() throws Exception {
    Virtqueue queue = new Virtqueue(ram.memory(), driver.config(), VirtioFeatures.VERSION_1);
    driver.add(header(IN, 0), writable(data, 1024), status);

    assertEquals(REFUSED, BlkRequest.parse(queue.pop(), new byte[16], 1, false));
  }

  @Test
  void parse_noData_movesNothing() throws Exception {
    assertEquals(new BlkRequest(Kind.READ, 100 * 512, 0), parse(header(IN, 100), status));
  }

  @Test
  void parse_writeToAReadOnlyDisk_isRefused() throws Exception {
    Virtqueue queue = new Virtqueue(ram.memory(), driver.config(), VirtioFeatures.VERSION_1);
    driver.add(header(OUT, 0), readable(data, 512), status);

    assertEquals(REFUSED, BlkRequest.parse(queue.pop(), new byte[16], DISK_SECTORS, true));
  }

  private BlkRequest parse(Buffer... pieces) throws Exception {
    // A new queue each time, which starts at the beginning of the ring.
    VirtqueueDriver fresh = new VirtqueueDriver(ram, 0, 16, VirtioFeatures.VERSION_1);
    Virtqueue queue = new Virtqueue(ram.memory(), fresh.config(), VirtioFeatures.VERSION_1);
    fresh.add(pieces);
    return BlkRequest.parse(queue.pop(), new byte[16], DISK_SECTORS, false);
  }

  private Buffer header(int type, long sector) {
    byte[] bytes = new byte[16 + 512];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(0, type).putLong(8, sector);
    return readable(ram.store(bytes), 16);
  }
}
