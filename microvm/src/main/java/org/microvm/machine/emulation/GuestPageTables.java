package org.microvm.machine.emulation;

import org.microvm.memory.GuestMemory;
import org.microvm.memory.GuestMemoryException;

/**
 * The page tables of a guest in long mode, with four or five levels (Intel SDM volume 3, chapter on
 * paging).
 *
 * <p>They are read from guest memory at each call, without any cache. Nothing is written to them,
 * so the accessed and dirty bits stay as they are.
 */
public final class GuestPageTables {
  /** Returned for an address that is not mapped. */
  public static final long NOT_MAPPED = -1;

  /** Bits of a page table entry. */
  public static final long WRITABLE = 1 << 1;

  /** A page or table that user mode may use. */
  public static final long USER = 1 << 2;

  /** A page that was written. */
  public static final long DIRTY = 1 << 6;

  private static final long PRESENT = 1;
  private static final long LARGE = 1 << 7;
  private static final long ADDRESS = 0x000f_ffff_ffff_f000L;
  private static final long CR4_LA57 = 1 << 12;
  private static final int LEVELS = 4;
  private static final int MAX_LEVELS = 5;

  /** Pages of 4 KiB, 2 MiB and 1 GiB: only tables of the lowest three levels can map a page. */
  private static final int PAGE_LEVELS = 3;

  private static final int INDEX_BITS = 9;
  private static final int PAGE_BITS = 12;
  private static final long OFFSET = (1 << PAGE_BITS) - 1;

  private final GuestMemory memory;
  private final long root;
  private final int levels;

  /**
   * Page tables with four levels.
   *
   * @param cr3 the register's value: the guest-physical address of the top table, and flags
   */
  public GuestPageTables(GuestMemory memory, long cr3) {
    this(memory, cr3, 0);
  }

  /** Page tables at CR3, with the number of levels that CR4 selects. */
  public GuestPageTables(GuestMemory memory, long cr3, long cr4) {
    this.memory = memory;
    root = cr3 & ADDRESS;
    levels = (cr4 & CR4_LA57) != 0 ? MAX_LEVELS : LEVELS;
  }

  /** Reads eight bytes; returns 0 if they are not mapped or extend over two pages. */
  public long read(long virtual) {
    if ((virtual & OFFSET) > OFFSET + 1 - Long.BYTES) {
      return 0;
    }
    long physical = physical(virtual, 0);
    try {
      return physical == NOT_MAPPED ? 0 : memory.getLong(physical);
    } catch (GuestMemoryException outsideRam) {
      return 0;
    }
  }

  /**
   * Reads bytes, up to the first that is not mapped, or not to RAM.
   *
   * @param target takes the bytes, from an index on
   * @param needed the bits that each mapping must have, as for {@link #physical}
   * @return the number of bytes that were read
   */
  int read(long virtual, byte[] target, int from, long needed) {
    int at = from;
    try {
      for (; at < target.length; at++) {
        long physical = physical(virtual + at - from, needed);
        if (physical == NOT_MAPPED) {
          break;
        }
        target[at] = (byte) memory.getByte(physical);
      }
    } catch (GuestMemoryException outsideRam) {
      // The bytes that were read before are the result.
    }
    return at - from;
  }

  /**
   * Translates an address.
   *
   * @param needed the bits that the mapping must have: any of {@link #WRITABLE} and {@link #USER},
   *     which each level must have, and {@link #DIRTY}, which the page must have
   * @return the guest-physical address, which may be outside RAM, or {@link #NOT_MAPPED}
   */
  public long physical(long virtual, long needed) {
    if (!isCanonical(virtual)) {
      return NOT_MAPPED;
    }
    long everyLevel = PRESENT | needed & (WRITABLE | USER);
    try {
      long table = root;
      for (int level = levels - 1; level >= 0; level--) {
        int shift = PAGE_BITS + INDEX_BITS * level;
        long index = (virtual >>> shift) & ((1 << INDEX_BITS) - 1);
        long entry = memory.getLong(table + index * Long.BYTES);
        if ((entry & everyLevel) != everyLevel) {
          return NOT_MAPPED;
        }
        if (level == 0 || level < PAGE_LEVELS && (entry & LARGE) != 0) {
          long page = entry & ADDRESS & -(1L << shift);
          boolean dirty = (entry & DIRTY) != 0 || (needed & DIRTY) == 0;
          return dirty ? page + (virtual & ((1L << shift) - 1)) : NOT_MAPPED;
        }
        table = entry & ADDRESS;
      }
      return NOT_MAPPED;
    } catch (GuestMemoryException outsideRam) {
      return NOT_MAPPED;
    }
  }

  /** Whether the bits above the translated ones repeat the highest of those. */
  private boolean isCanonical(long virtual) {
    int unused = Long.SIZE - PAGE_BITS - INDEX_BITS * levels;
    return virtual << unused >> unused == virtual;
  }
}
