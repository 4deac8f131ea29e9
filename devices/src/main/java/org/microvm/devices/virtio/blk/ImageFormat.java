package org.microvm.devices.virtio.blk;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Optional;

/**
 * The kinds of files that are not the plain bytes of a disk, known by their signatures. A guest
 * would see such a file's own structures as its disk, and write over them.
 *
 * <p>The signatures are those of the formats' specifications and of QEMU's {@code bdrv_probe}
 * functions (block/*.c).
 */
enum ImageFormat {
  /** QEMU's image format, versions 2 and 3. */
  QCOW2("a qcow2 image", at(0, hex("514649fb")).andNot(at(4, hex("00000001")))),

  /** The first version of QEMU's image format. */
  QCOW("a qcow image", at(0, hex("514649fb"))),

  /** QEMU's enhanced disk. */
  QED("a QED image", at(0, ascii("QED\0"))),

  /** VMware's sparse extents, of hosted products, of ESX, and with space-efficient snapshots. */
  VMDK(
      "a VMDK image",
      at(0, ascii("KDMV"))
          .or(at(0, ascii("COWD")))
          .or(at(0, hex("bebafeca00000000")))
          .or((head, tail) -> isVmdkDescriptor(head))),

  /**
   * Microsoft's virtual hard disk; a fixed one has its footer only at the end, which old programs
   * made 511 bytes long.
   */
  VHD(
      "a VHD image",
      at(0, ascii("conectix")).or(atEnd(512, ascii("conectix"))).or(atEnd(511, ascii("conectix")))),

  /** Microsoft's later virtual hard disk. */
  VHDX("a VHDX image", at(0, ascii("vhdxfile"))),

  /** VirtualBox's disk image. */
  VDI("a VDI image", at(0x40, hex("7f10dabe"))),

  /** Parallels' disk image, both versions. */
  PARALLELS(
      "a Parallels image", at(0, ascii("WithoutFreeSpace")).or(at(0, ascii("WithouFreSpacExt")))),

  /** Bochs' growing disk image. */
  BOCHS("a Bochs image", at(0, ascii("Bochs Virtual HD Image"))),

  /** A compressed loop image. */
  CLOOP("a cloop image", at(0, ascii("#!/bin/sh\n#V2.0 Format\n"))),

  /** Apple's disk image; its trailer is at the end. */
  DMG("a DMG image", atEnd(512, ascii("koly"))),

  /** Apple's growing disk image. */
  SPARSE_IMAGE("an Apple sparse image", at(0, ascii("sprs\0\0\0\3"))),

  /** Android's sparse image. */
  ANDROID("an Android sparse image", at(0, hex("3aff26ed0100"))),

  /** Microsoft's Windows Imaging Format. */
  WIM("a WIM image", at(0, ascii("MSWIM\0\0\0"))),

  /** An EnCase evidence file. */
  EWF("an EWF image", at(0, hex("455646090d0aff00"))),

  /** An encrypted volume, versions 1 and 2. */
  LUKS("a LUKS volume", at(0, hex("4c554b53babe0001")).or(at(0, hex("4c554b53babe0002")))),

  /** ISO 9660, a read-only file system, with or without a partition table. */
  ISO("an ISO 9660 image", at(0x8001, ascii("CD001"))),

  /** The dump of all bytes of a CD's sectors of 2352, whose first one follows the lead-in's. */
  RAW_CD("an image of raw CD sectors", at(0, hex("00ffffffffffffffffffff00"))),

  /** Compressed by gzip. */
  GZIP("compressed by gzip", at(0, hex("1f8b08"))),

  /** Compressed by xz. */
  XZ("compressed by xz", at(0, hex("fd377a585a00"))),

  /** Compressed by zstd, maybe with a skippable frame first, as pzstd writes it. */
  ZSTD(
      "compressed by zstd",
      at(0, hex("28b52ffd")).or(at(1, hex("2a4d18")).and((head, tail) -> head[0] >> 4 == 5))),

  /** Compressed by bzip2. */
  BZIP2("compressed by bzip2", at(0, ascii("BZh")).and(at(4, hex("314159265359")))),

  /** Compressed by lz4, also in its first format. */
  LZ4("compressed by lz4", at(0, hex("04224d18")).or(at(0, hex("02214c18")))),

  /** Compressed by lzip. */
  LZIP("compressed by lzip", at(0, ascii("LZIP\1"))),

  /** Compressed by lzop. */
  LZOP("compressed by lzop", at(0, hex("894c5a4f000d0a1a0a"))),

  /**
   * Compressed by lzma, as its programs write it: the usual properties, a dictionary of 64 KiB or
   * more, and the size of the content, or -1 if that was not known. The compressed bytes begin with
   * a zero.
   */
  LZMA("compressed by lzma", (head, tail) -> isLzma(head)),

  /** Compressed by the Unix program compress. */
  COMPRESS("compressed by compress", at(0, hex("1f9d90")).or(at(0, hex("1f9d8c")))),

  /** A ZIP archive. */
  ZIP("a ZIP archive", at(0, hex("504b0304"))),

  /** A 7z archive. */
  SEVEN_ZIP("a 7z archive", at(0, hex("377abcaf271c"))),

  /** A RAR archive. */
  RAR("a RAR archive", at(0, ascii("Rar!\u001a\7"))),

  /** A cpio archive, in the formats newc, crc and odc. */
  CPIO(
      "a cpio archive",
      at(0, ascii("070701")).or(at(0, ascii("070702"))).or(at(0, ascii("070707")))),

  /** An ar archive, such as a Debian package. */
  AR("an ar archive", at(0, ascii("!<arch>\n"))),

  /** An RPM package. */
  RPM("an RPM package", at(0, hex("edabeedb"))),

  /** A Microsoft cabinet archive. */
  CABINET("a cabinet archive", at(0, ascii("MSCF\0\0\0\0"))),

  /** A xar archive, used by macOS. */
  XAR("a xar archive", at(0, ascii("xar!\0"))),

  /** A tar archive, such as an OVA file of a virtual appliance. */
  TAR("a tar archive", at(257, ascii("ustar\0")).or(at(257, ascii("ustar  \0"))));

  /** The number of bytes at the start of a file that {@link #of} inspects. */
  static final int HEAD_BYTES = 0x8006;

  /** The number of bytes at the end of a file that {@link #of} inspects. */
  static final int TAIL_BYTES = 512;

  private final String description;

  /** A function of only the bytes. */
  @SuppressWarnings("ImmutableEnumChecker")
  private final Test test;

  ImageFormat(String description, Test test) {
    this.description = description;
    this.test = test;
  }

  /** Decides whether a file has the format. */
  private interface Test {
    boolean holds(byte[] head, byte[] tail);

    default Test or(Test other) {
      return (head, tail) -> holds(head, tail) || other.holds(head, tail);
    }

    default Test and(Test other) {
      return (head, tail) -> holds(head, tail) && other.holds(head, tail);
    }

    default Test andNot(Test other) {
      return (head, tail) -> holds(head, tail) && !other.holds(head, tail);
    }
  }

  /**
   * Returns the format of a file; empty if it is the plain bytes of a disk, as far as is known.
   *
   * @param head the first {@link #HEAD_BYTES} of the file, or all of it
   * @param tail the last {@link #TAIL_BYTES} of the file, or all of it
   */
  static Optional<ImageFormat> of(byte[] head, byte[] tail) {
    for (ImageFormat format : values()) {
      if (format.test.holds(head, tail)) {
        return Optional.of(format);
      }
    }
    return Optional.empty();
  }

  /** Whether a guest can use the bytes as they are, as long as it does not write them. */
  boolean isReadable() {
    return this == ISO;
  }

  /** Returns what the file is, to be put behind "is". */
  String description() {
    return description;
  }

  /**
   * Whether a file is a text that describes a VMDK image: its first lines may be comments or blank,
   * as for {@code vmdk_probe} of QEMU's block/vmdk.c.
   */
  private static boolean isVmdkDescriptor(byte[] head) {
    String text = new String(head, 0, Math.min(head.length, 2048), StandardCharsets.ISO_8859_1);
    if (text.startsWith("# Disk DescriptorFile")) {
      return true;
    }
    return text.lines()
        .filter(line -> !line.isBlank() && !line.startsWith("#"))
        .findFirst()
        .filter(line -> line.matches("version=[123]\\s*"))
        .isPresent();
  }

  /** Whether a file has the header of the LZMA SDK's lzma.txt. */
  private static boolean isLzma(byte[] head) {
    if (!matches(head, 0, hex("5d0000")) || head.length < 14 || head[13] != 0) {
      return false;
    }
    ByteBuffer fields = ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN);
    int dictionary = fields.getInt(1);
    long size = fields.getLong(5);
    return dictionary >= 1 << 16
        && Integer.bitCount(dictionary) <= 2
        && (size == -1 || (size > 0 && size < 1L << 48));
  }

  private static Test at(int offset, byte[] signature) {
    return (head, tail) -> matches(head, offset, signature);
  }

  private static Test atEnd(int distance, byte[] signature) {
    return (head, tail) -> matches(tail, tail.length - distance, signature);
  }

  private static boolean matches(byte[] bytes, int offset, byte[] signature) {
    if (offset < 0 || offset + signature.length > bytes.length) {
      return false;
    }
    for (int i = 0; i < signature.length; i++) {
      if (bytes[offset + i] != signature[i]) {
        return false;
      }
    }
    return true;
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  private static byte[] hex(String text) {
    return HexFormat.of().parseHex(text);
  }
}
