package org.microvm.devices.virtio.blk;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.linux.IovecArray;

/** A disk whose image does not change. */
@Timeout(30)
class OverlayDiskTest {
  private static final int SECTORS = 64;
  private static final int SECTOR = 512;

  @TempDir private Path directory;

  private final byte[] content = new byte[SECTORS * SECTOR];
  private final MemorySegment memory = Arena.ofAuto().allocate(SECTORS * SECTOR);
  private Path image;
  private OverlayDisk disk;

  @BeforeEach
  void open() throws IOException {
    new Random(1).nextBytes(content);
    image = Files.write(directory.resolve("disk.img"), content);
    disk = OverlayDisk.open(image);
  }

  @AfterEach
  void close() {
    disk.close();
  }

  /** Ranges of two parts, as a request has them. */
  private IovecArray ranges(int bytes) {
    IovecArray ranges = new IovecArray(2);
    ranges.add(memory.address(), SECTOR / 2);
    ranges.add(memory.address() + SECTOR / 2, bytes - SECTOR / 2);
    return ranges;
  }

  private byte[] read(int sector, int count) {
    byte[] all = new byte[count * SECTOR];
    int done = 0;
    while (done < all.length) {
      long result = disk.read(ranges(all.length - done), (long) sector * SECTOR + done);
      MemorySegment.copy(memory, ValueLayout.JAVA_BYTE, 0, all, done, (int) result);
      done += (int) result;
    }
    return all;
  }

  private void write(int sector, int count, byte value) {
    memory.fill(value);
    assertEquals(count * SECTOR, disk.write(ranges(count * SECTOR), (long) sector * SECTOR));
    for (int i = sector * SECTOR; i < (sector + count) * SECTOR; i++) {
      content[i] = value;
    }
  }

  @Test
  void whatWasWritten_isReadAmongTheRestOfTheImage() {
    write(3, 2, (byte) 1);
    write(10, 1, (byte) 2);
    write(4, 3, (byte) 3);
    write(SECTORS - 1, 1, (byte) 4);

    assertArrayEquals(content, read(0, SECTORS));
    assertEquals(0, disk.flush());
  }

  @Test
  void image_doesNotChangeAndHasNoOtherWriter() throws IOException {
    byte[] before = content.clone();
    write(0, SECTORS, (byte) 5);

    assertArrayEquals(before, Files.readAllBytes(image));
    OverlayDisk.open(image).close();
    assertThrows(IOException.class, () -> DiskFile.open(image, false));
  }

  @Test
  void sectorsFarApart_areReadWhereverTheyWereWritten() throws IOException {
    long distance = 100_003L * SECTOR;
    try (OverlayDisk large = large(10 * distance)) {
      memory.fill((byte) 7);
      for (long at = 0; at < 10; at++) {
        assertEquals(2 * SECTOR, large.write(ranges(2 * SECTOR), at * distance));
      }
      memory.fill((byte) 1);

      assertEquals(2 * SECTOR, large.read(ranges(4 * SECTOR), 9 * distance));
      assertEquals(7, memory.get(ValueLayout.JAVA_BYTE, 2 * SECTOR - 1));
      assertEquals(1, memory.get(ValueLayout.JAVA_BYTE, 2 * SECTOR));
      assertEquals(2 * SECTOR, large.read(ranges(2 * SECTOR), 9 * distance + 2 * SECTOR));
      assertEquals(0, memory.get(ValueLayout.JAVA_BYTE, 0));
    }
  }

  @Test
  void sectorsAcrossPagesOfTheMap_areReadAsWritten() throws IOException {
    long boundary = 4096L * Byte.SIZE * SECTOR;
    try (OverlayDisk large = large(2 * boundary)) {
      memory.fill((byte) 7);

      assertEquals(4 * SECTOR, large.write(ranges(4 * SECTOR), boundary - 2 * SECTOR));

      memory.fill((byte) 1);
      assertEquals(2 * SECTOR, large.read(ranges(4 * SECTOR), boundary - 2 * SECTOR));
      assertEquals(2 * SECTOR, large.read(ranges(2 * SECTOR), boundary));
      assertEquals(7, memory.get(ValueLayout.JAVA_BYTE, 2 * SECTOR - 1));
    }
  }

  /** A guest that writes the last sector of a large disk must not fill the heap of the process. */
  @Test
  void lastSectorOfALargeDisk_takesNoMemory() throws IOException {
    long size = 512L << 30;
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long id = Thread.currentThread().threadId();
    try (OverlayDisk large = large(size)) {
      long before = threads.getThreadAllocatedBytes(id);

      assertEquals(SECTOR, large.write(ranges(SECTOR), size - SECTOR));

      assertTrue(threads.getThreadAllocatedBytes(id) - before < 1 << 20);
    }
  }

  /** A disk of zeros, whose image has no blocks. */
  private OverlayDisk large(long size) throws IOException {
    Path sparse = directory.resolve("large.img");
    try (RandomAccessFile file = new RandomAccessFile(sparse.toFile(), "rw")) {
      file.setLength(size);
    }
    return OverlayDisk.open(sparse);
  }
}
