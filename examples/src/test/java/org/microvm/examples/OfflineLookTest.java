package org.microvm.examples;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.testing.RequiresKvm;

@Timeout(300)
class OfflineLookTest {
  private static final String STATUS =
      """
      Package: base-files
      Status: install ok installed
      Version: 12.4+deb12u5
      Description: miscellaneous files
       Version: this is text

      Package: removed
      Status: deinstall ok config-files
      Version: 1

      Package: zlib1g
      Status: install ok installed
      Version: 1:1.2.13.dfsg-1
      """;

  private static final int SECTOR = 512;

  /** Offset of the first entry of a PC's partition table. */
  private static final int MBR_ENTRY = 446;

  private static final byte LINUX_PARTITION = (byte) 0x83;
  private static final int PARTITION_START = 2048;

  @TempDir private Path directory;

  /** Creates an image of a file system with one file. */
  private Path image(String type, String file, String text) throws Exception {
    Path root = directory.resolve("root");
    Path target = root.resolve(file);
    Files.createDirectories(target.getParent());
    Files.writeString(target, text);
    Path image = directory.resolve(type + ".img");
    Process mkfs =
        new ProcessBuilder(
                "/sbin/mke2fs", "-q", "-t", type, "-d", root.toString(), image.toString(), "8M")
            .redirectErrorStream(true)
            .start();
    String output = new String(mkfs.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, mkfs.waitFor(), output);
    return image;
  }

  /** Puts the file system into the first partition of a disk image, as an installer would. */
  private Path partitioned(Path image) throws Exception {
    byte[] sector = new byte[SECTOR];
    ByteBuffer table = ByteBuffer.wrap(sector).order(ByteOrder.LITTLE_ENDIAN);
    table.put(MBR_ENTRY + 4, LINUX_PARTITION);
    table.putInt(MBR_ENTRY + 8, PARTITION_START);
    table.putInt(MBR_ENTRY + 12, Math.toIntExact(Files.size(image) / SECTOR));
    table.putShort(SECTOR - 2, (short) 0xaa55);
    Path disk = directory.resolve("disk.img");
    Files.write(disk, Arrays.copyOf(sector, PARTITION_START * SECTOR));
    Files.write(disk, Files.readAllBytes(image), StandardOpenOption.APPEND);
    return disk;
  }

  @ParameterizedTest
  @ValueSource(strings = {"ext2", "ext4"})
  @RequiresKvm
  @Tag("linux")
  void dpkg_ofAnImage_isListedAndTheImageIsLeftAlone(String type) throws Exception {
    Path image = image(type, "var/lib/dpkg/status", STATUS);
    byte[] before = Files.readAllBytes(image);
    ByteArrayOutputStream out = new ByteArrayOutputStream();

    OfflineLook.list(image, new PrintStream(out, true, StandardCharsets.UTF_8));

    assertEquals(
        "base-files 12.4+deb12u5\nzlib1g 1:1.2.13.dfsg-1\n", out.toString(StandardCharsets.UTF_8));
    assertArrayEquals(before, Files.readAllBytes(image));
  }

  @Test
  @RequiresKvm
  @Tag("linux")
  void dpkg_ofADiskWithPartitions_isListed() throws Exception {
    Path disk = partitioned(image("ext4", "var/lib/dpkg/status", STATUS));

    assertEquals(
        Map.of("base-files", "12.4+deb12u5", "zlib1g", "1:1.2.13.dfsg-1"),
        OfflineLook.packages(disk));
  }

  @Test
  @RequiresKvm
  @Tag("linux")
  void apk_ofAnImage_isListed() throws Exception {
    String database = "C:Q1abc=\nP:musl\nV:1.2.4-r2\n\nC:Q1def=\nP:busybox\nV:1.36.1-r5\n\n";

    Map<String, String> packages =
        OfflineLook.packages(image("ext2", "lib/apk/db/installed", database));

    assertEquals(Map.of("musl", "1.2.4-r2", "busybox", "1.36.1-r5"), packages);
  }

  @Test
  @RequiresKvm
  @Tag("linux")
  void image_withoutAFileSystem_isRefused() throws Exception {
    Path image = Files.write(directory.resolve("zeros"), new byte[1 << 20]);

    IOException failure = assertThrows(IOException.class, () -> OfflineLook.packages(image));

    assertTrue(failure.getMessage().contains("no file system"), failure.getMessage());
  }

  @Test
  void database_withControlCharacters_isPrintedWithoutThem() {
    Map<String, String> packages =
        PackageDatabase.dpkg("Package: a\u001b[2J\nStatus: install ok installed\nVersion: 1\t2");

    assertEquals(Map.of("a?[2J", "1?2"), packages);
  }
}
