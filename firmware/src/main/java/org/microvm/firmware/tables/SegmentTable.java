package org.microvm.firmware.tables;

import java.nio.ByteBuffer;

/**
 * The GDT: flat segments at the selectors that Linux's boot protocol requires, and 32-bit code for
 * PVH.
 */
public final class SegmentTable {
  /** Selector of 32-bit code. */
  public static final int CODE_32 = 0x08;

  /** Selector of 64-bit code: Linux's {@code __BOOT_CS}. */
  public static final int CODE_64 = 0x10;

  /** Selector of data: Linux's {@code __BOOT_DS}. */
  public static final int DATA = 0x18;

  /** Selector of the task state segment, whose 64-bit descriptor takes two slots. */
  public static final int TASK = 0x20;

  /** Offset of the table's last byte. */
  public static final int LIMIT = 0x2f;

  private SegmentTable() {}

  /** Returns the descriptor of a selector. */
  public static long descriptor(int selector) {
    return switch (selector) {
      // Present, DPL 0, base 0, limit 4 GiB; execute/read or read/write, accessed.
      case CODE_32 -> 0x00cf_9b00_0000_ffffL;
      case CODE_64 -> 0x00af_9b00_0000_ffffL;
      case DATA -> 0x00cf_9300_0000_ffffL;
      // Busy TSS of 104 bytes at 0: never used, but VMX requires one in TR.
      case TASK -> 0x0000_8b00_0000_0067L;
      default -> 0;
    };
  }

  /** Builds the table's bytes. */
  public static byte[] build() {
    ByteBuffer table = Bytes.allocate(LIMIT + 1);
    for (int selector = 0; selector < TASK + 8; selector += 8) {
      table.putLong(selector, descriptor(selector));
    }
    return table.array();
  }
}
