package org.microvm.qemu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.virtioserial.options.OptionException;

/** Which qcow2 images stand for their backing file. */
class EmptyOverlayTest {
  private static final int TABLE = 0x200;
  private static final int NAME = 0x180;

  @TempDir private Path directory;
  private final ByteBuffer image = ByteBuffer.allocate(0x400);
  private Path disk;

  /** Makes an overlay as qemu-img does: version 3, a table of one entry, the format "raw". */
  @BeforeEach
  void makeOverlay() throws IOException {
    disk = Files.write(directory.resolve("disk.img"), new byte[65536]);
    byte[] name = disk.toString().getBytes(StandardCharsets.UTF_8);
    image.putInt(0, 0x514649fb).putInt(4, 3).putLong(8, NAME).putInt(16, name.length);
    image.putInt(20, 16).putLong(24, 65536).putInt(36, 1).putLong(40, TABLE).putInt(100, 104);
    image.putInt(104, 0xe2792aca).putInt(108, 3).put(112, "raw".getBytes(StandardCharsets.UTF_8));
    image.put(NAME, name);
  }

  private Path backing() throws IOException, OptionException {
    return EmptyOverlay.backingFile(Files.write(directory.resolve("overlay"), image.array()));
  }

  private void refused(String reason) {
    OptionException refused = assertThrows(OptionException.class, this::backing);
    assertTrue(refused.getMessage().contains(reason), refused.getMessage());
  }

  @Test
  void emptyOverlay_isItsBackingFile() throws Exception {
    assertEquals(disk, backing());
  }

  @Test
  void overlayWithoutABackingFormat_isItsBackingFile() throws Exception {
    image.putInt(104, 0);

    assertEquals(disk, backing());
  }

  @Test
  void overlayWithData_isRefused() {
    image.putLong(TABLE, 0x8000_0000_0005_0000L);

    refused("it contains data");
  }

  @Test
  void overlayOfAnotherFormat_isRefused() {
    image.put(112, "vdi".getBytes(StandardCharsets.UTF_8));

    refused("the format vdi");
  }

  @Test
  void imageWithoutABackingFile_isRefused() {
    image.putLong(8, 0);

    refused("no backing file");
  }

  @Test
  void overlayOfAnotherSize_isRefused() {
    image.putLong(24, 1 << 20);

    refused("size");
  }

  @Test
  void damagedImages_areRefused() {
    image.putLong(40, Long.MAX_VALUE);
    refused("truncated");
    image.putLong(40, TABLE).putInt(36, Integer.MAX_VALUE);
    refused("too large");
    image.putInt(0, 0);
    refused("not a qcow2 image");
  }
}
