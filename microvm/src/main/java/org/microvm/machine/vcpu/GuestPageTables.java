package org.microvm.machine.vcpu;

import org.microvm.memory.GuestMemory;
import org.microvm.memory.GuestMemoryException;

/** Reads guest memory by virtual address, using the four-level page tables of long mode. */
final class GuestPageTables {
  private static final int LEVELS = 4;
  private static final int INDEX_BITS = 9;
  private static final int PAGE_BITS = 12;
  private static final long PRESENT = 1;
  private static final long LARGE = 1 << 7;
  private static final long ADDRESS = 0x000f_ffff_ffff_f000L;

  private final GuestMemory memory;
  private final long root;

  GuestPageTables(GuestMemory memory, long cr3) {
    this.memory = memory;
    root = cr3 & ADDRESS;
  }

  /** Reads eight bytes; returns 0 if they are not mapped or extend over two pages. */
  long read(long virtual) {
    if ((virtual & ((1 << PAGE_BITS) - 1)) > (1 << PAGE_BITS) - Long.BYTES) {
      return 0;
    }
    try {
      long table = root;
      for (int level = LEVELS - 1; level >= 0; level--) {
        int shift = PAGE_BITS + INDEX_BITS * level;
        long index = (virtual >>> shift) & ((1 << INDEX_BITS) - 1);
        long entry = memory.getLong(table + index * Long.BYTES);
        if ((entry & PRESENT) == 0) {
          return 0;
        }
        boolean page = level == 0 || (level < LEVELS - 1 && (entry & LARGE) != 0);
        if (page) {
          long offset = virtual & ((1L << shift) - 1);
          return memory.getLong((entry & ADDRESS & -(1L << shift)) + offset);
        }
        table = entry & ADDRESS;
      }
      return 0;
    } catch (GuestMemoryException outsideRam) {
      return 0;
    }
  }
}
