package org.microvm.devices.virtio.blk;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A file that is not the plain bytes of a disk is refused if the guest may write it. */
@Timeout(30)
class DiskImageTest {
  private static final int SIZE = 1 << 20;
  private static final DiskUse WRITABLE = new DiskUse(false, false);
  private static final DiskUse READ_ONLY = new DiskUse(true, false);

  @TempDir private Path directory;

  /** Creates a file of a disk's size with some bytes in it; an offset below 0 is from the end. */
  private Path image(int offset, byte[] bytes) throws IOException {
    byte[] content = new byte[SIZE];
    System.arraycopy(bytes, 0, content, offset < 0 ? SIZE + offset : offset, bytes.length);
    return Files.write(directory.resolve("disk.img"), content);
  }

  private static void open(Path image, DiskUse use) throws IOException {
    try (DiskFile file = DiskFile.open(image, use.readOnly())) {
      file.check(image, use);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0, 514649fb00000003, a qcow2 image",
    "0, 514649fb00000002, a qcow2 image",
    "0, 514649fb00000001, a qcow image",
    "0, 51454400, a QED image",
    "0, 4b444d5601000000, a VMDK image",
    "0, 434f574401000000, a VMDK image",
    "0, bebafeca00000000, a VMDK image",
    "0, 23204469736b2044657363726970746f7246696c650a, a VMDK image",
    "0, 636f6e6563746978, a VHD image",
    "-512, 636f6e6563746978, a VHD image",
    "0, 7668647866696c65, a VHDX image",
    "64, 7f10dabe, a VDI image",
    "0, 576974686f7574467265655370616365, a Parallels image",
    "0, 576974686f7546726553706163457874, a Parallels image",
    "0, 426f636873205669727475616c20484420496d616765, a Bochs image",
    "0, 23212f62696e2f73680a2356322e3020466f726d61740a, a cloop image",
    "-512, 6b6f6c7900000004, a DMG image",
    "0, 4c554b53babe0001, a LUKS volume",
    "0, 4c554b53babe0002, a LUKS volume",
    "32769, 4344303031, an ISO 9660 image",
    "0, 1f8b0800, compressed by gzip",
    "0, fd377a585a0000, compressed by xz",
    "0, 28b52ffd, compressed by zstd",
    "0, 425a6839314159265359, compressed by bzip2",
    "0, 04224d18, compressed by lz4",
    "0, 4c5a495001, compressed by lzip",
    "0, 894c5a4f000d0a1a0a, compressed by lzop",
    "0, 5d00008000ffffffffffffffff00, compressed by lzma",
    "0, 5d00000001000010000000000000, compressed by lzma",
    "0, 1f9d90, compressed by compress",
    "0, 303730373031, a cpio archive",
    "0, 303730373032, a cpio archive",
    "0, 303730373037, a cpio archive",
    "0, 213c617263683e0a, an ar archive",
    "0, edabeedb0300, an RPM package",
    "0, 4d53434600000000, a cabinet archive",
    "0, 7861722100, a xar archive",
    "0, 504b0304, a ZIP archive",
    "0, 377abcaf271c, a 7z archive",
    // A descriptor that begins with other comments, blank lines, and one with carriage returns.
    "0, 2320610a0a23620a76657273696f6e3d310a, a VMDK image",
    "0, 76657273696f6e3d330d0a, a VMDK image",
    "-511, 636f6e6563746978, a VHD image",
    "0, 7370727300000003, an Apple sparse image",
    "0, 3aff26ed01000000, an Android sparse image",
    "0, 4d5357494d000000, a WIM image",
    "0, 455646090d0aff00, an EWF image",
    "0, 00ffffffffffffffffffff00, an image of raw CD sectors",
    "0, 502a4d18, compressed by zstd",
    "0, 02214c18, compressed by lz4",
    "0, 526172211a07, a RAR archive",
    "257, 757374617200, a tar archive",
    "257, 7573746172202000, a tar archive"
  })
  void imageOfAnotherFormat_isRefusedUnlessItIsReadOnlyOrDeclaredRaw(
      int offset, String signature, String description) throws Exception {
    Path image = image(offset, HexFormat.of().parseHex(signature));
    byte[] before = Files.readAllBytes(image);

    IOException refused = assertThrows(IOException.class, () -> open(image, WRITABLE));

    assertTrue(
        refused.getMessage().startsWith(image + " is " + description + ", which a guest would"),
        refused.getMessage());
    assertTrue(refused.getMessage().contains("format=raw"), refused.getMessage());
    assertDoesNotThrow(() -> open(image, READ_ONLY));
    assertDoesNotThrow(() -> open(image, new DiskUse(false, true)));
    assertArrayEquals(before, Files.readAllBytes(image));
  }

  @ParameterizedTest
  @CsvSource({
    "0, 00000000", // empty
    "510, 55aa", // a partition table
    "512, 4546492050415254", // a GUID partition table
    "1080, 53ef", // ext4
    "0, 68737173", // squashfs
    "0, 7f454c46", // a program
    "8, 514649fb", // a signature that is not at its place
    "-8, 636f6e6563746978"
  })
  void plainBytesOfADisk_areAccepted(int offset, String bytes) throws Exception {
    Path image = image(offset, HexFormat.of().parseHex(bytes));

    assertDoesNotThrow(() -> open(image, WRITABLE));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 511})
  void imageWithoutASector_isRefused(int size) throws Exception {
    Path image = Files.write(directory.resolve("disk.img"), new byte[size]);

    for (DiskUse use : new DiskUse[] {WRITABLE, READ_ONLY, new DiskUse(false, true)}) {
      IOException refused = assertThrows(IOException.class, () -> open(image, use));
      assertEquals(
          image + " has " + size + " bytes; a disk has at least one sector of 512",
          refused.getMessage());
    }
  }

  @Test
  void descriptorOfAnImage_isNamedThoughItIsShorterThanASector() throws Exception {
    Path image =
        Files.writeString(directory.resolve("disk.vmdk"), "# Disk DescriptorFile\nversion=1\n");

    IOException refused = assertThrows(IOException.class, () -> open(image, WRITABLE));

    assertTrue(refused.getMessage().contains(" is a VMDK image, "), refused.getMessage());
  }

  @ParameterizedTest
  @ValueSource(ints = {512, 513, 1000, 0x8003, 0x8006})
  void imageThatEndsWithinASignaturesPlace_isAccepted(int size) throws Exception {
    Path image = Files.write(directory.resolve("disk.img"), new byte[size]);

    assertDoesNotThrow(() -> open(image, WRITABLE));
  }

  @Test
  void footerOfASmallVhd_isFound() throws Exception {
    byte[] content = new byte[600];
    byte[] cookie = "conectix".getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(cookie, 0, content, 88, cookie.length);
    Path image = Files.write(directory.resolve("disk.img"), content);

    assertThrows(IOException.class, () -> open(image, WRITABLE));
  }

  @Test
  void directoryAndDevice_areRefusedByWhatTheyAre() {
    for (DiskUse use : new DiskUse[] {WRITABLE, READ_ONLY}) {
      assertEquals(
          directory + " is a directory; a disk is a file or a block device",
          assertThrows(IOException.class, () -> open(directory, use)).getMessage());
      assertEquals(
          "/dev/zero is a character device; a disk is a file or a block device",
          assertThrows(IOException.class, () -> open(Path.of("/dev/zero"), use)).getMessage());
    }
  }

  @Test
  void fifo_isRefusedAndNotWaitedFor() throws Exception {
    Path fifo = directory.resolve("fifo");
    assertEquals(0, new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor());

    for (DiskUse use : new DiskUse[] {WRITABLE, READ_ONLY}) {
      assertEquals(
          fifo + " is a FIFO; a disk is a file or a block device",
          assertThrows(IOException.class, () -> open(fifo, use)).getMessage());
    }
    assertThrows(IOException.class, () -> DiskFile.openUnlocked(fifo));
  }

  @Test
  void missingFile_isReportedAsMissing() {
    Path none = directory.resolve("none");

    for (DiskUse use : new DiskUse[] {WRITABLE, READ_ONLY}) {
      assertEquals(
          "disk " + none + " cannot be opened: ENOENT (No such file or directory)",
          assertThrows(IOException.class, () -> open(none, use)).getMessage());
    }
  }
}
