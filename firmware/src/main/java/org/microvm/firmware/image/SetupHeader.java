package org.microvm.firmware.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The setup header of Linux's x86 boot protocol. It has the same offset in a bzImage and in {@code
 * boot_params}; offsets are from the kernel's Documentation/arch/x86/boot.rst.
 */
public final class SetupHeader {
  private static final int SETUP_SECTS = 0x1f1;
  private static final int BOOT_FLAG = 0x1fe;
  private static final int JUMP_LENGTH = 0x201;
  private static final int MAGIC = 0x202;
  private static final int VERSION = 0x206;
  private static final int LOADFLAGS = 0x211;
  private static final int INITRD_ADDR_MAX = 0x22c;
  private static final int KERNEL_ALIGNMENT = 0x230;
  private static final int XLOADFLAGS = 0x236;
  private static final int CMDLINE_SIZE = 0x238;
  private static final int PAYLOAD_OFFSET = 0x248;
  private static final int PAYLOAD_LENGTH = 0x24c;

  /** The offset just past the header in {@code boot_params}. */
  static final int END = 0x290;

  private static final short BOOT_SIGNATURE = (short) 0xaa55;
  private static final int HDRS = 0x5372_6448;
  private static final byte LOADED_HIGH = 1;
  private static final int XLF_KERNEL_64 = 1;
  private static final int SECTOR = 512;

  /** The first protocol version that gives the payload's offset. */
  private static final int PAYLOAD_VERSION = 0x208;

  /** The first protocol version with {@code xloadflags}. */
  private static final int XLOADFLAGS_VERSION = 0x20c;

  /** The newest protocol version known here, with which a vmlinux is started. */
  private static final int NEWEST_VERSION = 0x20f;

  /** The physical alignment that x86-64 kernels are built for by default. */
  private static final int DEFAULT_ALIGNMENT = 16 << 20;

  private final ByteBuffer bytes;
  private final int end;

  private SetupHeader(ByteBuffer bytes, int end) {
    this.bytes = bytes;
    this.end = end;
  }

  /**
   * Builds a header for an image that has none.
   *
   * @param commandLineMax the length of the longest command line that it takes, without the zero
   *     byte
   */
  public static SetupHeader synthesized(int commandLineMax) {
    ByteBuffer bytes = ByteBuffer.allocate(END).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putShort(BOOT_FLAG, BOOT_SIGNATURE);
    bytes.putInt(MAGIC, HDRS);
    bytes.putShort(VERSION, (short) NEWEST_VERSION);
    bytes.put(LOADFLAGS, LOADED_HIGH);
    bytes.putInt(KERNEL_ALIGNMENT, DEFAULT_ALIGNMENT);
    bytes.putShort(XLOADFLAGS, (short) XLF_KERNEL_64);
    bytes.putInt(INITRD_ADDR_MAX, -1);
    bytes.putInt(CMDLINE_SIZE, commandLineMax);
    return new SetupHeader(bytes, END);
  }

  /** Whether a file with these first bytes has the header. */
  static boolean isIn(ByteBuffer head) {
    return head.limit() >= VERSION + 2
        && head.getShort(BOOT_FLAG) == BOOT_SIGNATURE
        && head.getInt(MAGIC) == HDRS;
  }

  /**
   * @param head the file's first {@link #END} bytes
   * @throws ImageException if the kernel is truncated, too old, or 32-bit
   */
  static SetupHeader parse(ByteBuffer head) throws ImageException {
    if (head.limit() < END) {
      throw new ImageException("is truncated: the bzImage ends within its header");
    }
    int version = head.getShort(VERSION) & 0xffff;
    if (version < PAYLOAD_VERSION) {
      throw new ImageException(
          "has boot protocol %d.%02d; 2.08 (Linux 2.6.26) is the oldest supported"
              .formatted(version >> 8, version & 0xff));
    }
    if ((head.get(LOADFLAGS) & LOADED_HIGH) == 0) {
      throw new ImageException("is a zImage, not a bzImage");
    }
    if (version >= XLOADFLAGS_VERSION && (head.getShort(XLOADFLAGS) & XLF_KERNEL_64) == 0) {
      throw new ImageException("is a 32-bit kernel; a 64-bit one is needed");
    }
    int end = Math.min(MAGIC + (head.get(JUMP_LENGTH) & 0xff), END);
    return new SetupHeader(head, end);
  }

  /** Copies the header to its place in {@code boot_params}. */
  public void copyTo(ByteBuffer bootParams) {
    bootParams.put(SETUP_SECTS, bytes, SETUP_SECTS, end - SETUP_SECTS);
  }

  /** The length of the longest command line, without its zero byte. */
  public int commandLineMax() {
    int size = bytes.getInt(CMDLINE_SIZE);
    return size < 0 ? Integer.MAX_VALUE : size;
  }

  /** The address below which the whole initrd must lie. */
  public long initrdEndMax() {
    return (bytes.getInt(INITRD_ADDR_MAX) & 0xffff_ffffL) + 1;
  }

  /** Offset in the file of the compressed kernel. */
  long payloadOffset() {
    int sectors = bytes.get(SETUP_SECTS) & 0xff;
    // 0 means 4, for compatibility with kernels older than the field.
    return (1L + (sectors == 0 ? 4 : sectors)) * SECTOR
        + (bytes.getInt(PAYLOAD_OFFSET) & 0xffff_ffffL);
  }

  /** Length of the compressed kernel in bytes. */
  long payloadLength() {
    return bytes.getInt(PAYLOAD_LENGTH) & 0xffff_ffffL;
  }
}
