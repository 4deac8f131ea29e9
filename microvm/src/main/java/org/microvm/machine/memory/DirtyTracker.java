package org.microvm.machine.memory;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.microvm.kvm.DirtyLog;
import org.microvm.linux.ErrnoException;
import org.microvm.memory.DirtyPages;
import org.microvm.memory.GuestMemory;
import org.microvm.memory.MemoryRegion;

/**
 * Tracks the pages of guest RAM that vCPUs and this process write. KVM logs dirty pages until it is
 * closed (KVM API, KVM_GET_DIRTY_LOG). Used by one thread.
 */
public final class DirtyTracker implements AutoCloseable {
  private static final int PAGE = DirtyPages.PAGE;

  private final GuestMemory memory;
  private final List<? extends DirtyLog> slots;
  private final List<MemorySegment> bitmaps = new ArrayList<>();

  /**
   * @param slots the memory slot of each region of RAM, in the same order
   */
  public DirtyTracker(GuestMemory memory, List<? extends DirtyLog> slots) throws ErrnoException {
    this.memory = memory;
    this.slots = slots;
    memory.dirtyPages().enable(true);
    try {
      for (DirtyLog slot : slots) {
        bitmaps.add(Arena.ofAuto().allocate(slot.dirtyBitmapBytes(), Long.BYTES));
        slot.logDirtyPages(true);
      }
    } catch (ErrnoException | RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  /**
   * Collects the pages that were written since the last call, for {@link #visit}.
   *
   * @return number of bytes in those pages
   */
  public long collect() throws ErrnoException {
    long pages = 0;
    for (int i = 0; i < slots.size(); i++) {
      MemorySegment bitmap = bitmaps.get(i);
      slots.get(i).takeDirtyPages(bitmap);
      long firstWord = memory.regions().get(i).fileOffset() / PAGE / Long.SIZE;
      for (long word = 0; word < bitmap.byteSize() / Long.BYTES; word++) {
        long bits =
            bitmap.getAtIndex(ValueLayout.JAVA_LONG, word)
                | memory.dirtyPages().take((int) (firstWord + word));
        bitmap.setAtIndex(ValueLayout.JAVA_LONG, word, bits);
        pages += Long.bitCount(bits);
      }
    }
    return pages * PAGE;
  }

  /** Visits the collected pages in runs. */
  public void visit(MemoryRuns.Visitor visitor) throws IOException {
    for (int i = 0; i < slots.size(); i++) {
      MemoryRegion region = memory.regions().get(i);
      long pages = region.size() / PAGE;
      for (long from = next(bitmaps.get(i), 0, pages, true); from < pages; ) {
        long to = next(bitmaps.get(i), from, pages, false);
        visitor.visit(region, from * PAGE, to * PAGE);
        from = next(bitmaps.get(i), to, pages, true);
      }
    }
  }

  /**
   * The next page at or after {@code from} that is dirty, or is not; {@code end} if there is none.
   */
  private static long next(MemorySegment bitmap, long from, long end, boolean dirty) {
    long at = from;
    while (at < end) {
      long word = bitmap.getAtIndex(ValueLayout.JAVA_LONG, at / Long.SIZE);
      long rest = (dirty ? word : ~word) >>> (at % Long.SIZE);
      if (rest != 0) {
        return Math.min(end, at + Long.numberOfTrailingZeros(rest));
      }
      at = (at / Long.SIZE + 1) * Long.SIZE;
    }
    return end;
  }

  /** Ends KVM's log, unless the VM is already closed. */
  @Override
  public void close() {
    memory.dirtyPages().enable(false);
    for (DirtyLog slot : slots) {
      try {
        slot.logDirtyPages(false);
      } catch (ErrnoException e) {
        // The VM is closed, or KVM continues to log, which only costs time.
        continue;
      }
    }
  }
}
