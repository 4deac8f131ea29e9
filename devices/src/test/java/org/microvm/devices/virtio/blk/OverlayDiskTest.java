package org.microvm.devices.virtio.blk;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
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
}
