package org.microvm.machine.memory;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.microvm.linux.GuestRam;
import org.microvm.linux.SparseFile;
import org.microvm.memory.MemoryRegion;

/** Visits guest RAM in runs of pages that are not zero, of up to 1 MiB each. */
public final class MemoryRuns {
  /** Receives each run. */
  public interface Visitor {
    /**
     * @param from offset in the region, a multiple of the page size
     * @param to offset after the last byte
     */
    void visit(MemoryRegion region, long from, long to) throws IOException;
  }

  /** The page size in bytes. */
  public static final int PAGE = 4096;

  private static final long LONGEST = 1 << 20;

  private final GuestRam ram;
  private final Visitor visitor;

  private MemoryRuns(GuestRam ram, Visitor visitor) {
    this.ram = ram;
    this.visitor = visitor;
  }

  /** Visits the runs of RAM in the order of their offsets. */
  public static void visit(GuestRam ram, Visitor visitor) throws IOException {
    MemoryRuns runs = new MemoryRuns(ram, visitor);
    for (MemoryRegion region : ram.memory().regions()) {
      long from = 0;
      while (from < region.size()) {
        from = runs.visitPiece(region, from);
      }
    }
  }

  /** Visits the data up to the next hole; returns where to continue. */
  private long visitPiece(MemoryRegion region, long from) throws IOException {
    if (!ram.isAnonymous()) {
      visitData(region, from, region.size());
      return region.size();
    }
    // Skip holes: reading one would allocate its pages.
    long data = SparseFile.nextData(ram.file(), region.fileOffset() + from);
    if (data < 0 || data >= region.fileOffset() + region.size()) {
      return region.size();
    }
    long end = Math.min(SparseFile.nextHole(ram.file(), data) - region.fileOffset(), region.size());
    visitData(region, data - region.fileOffset(), end);
    return end;
  }

  private void visitData(MemoryRegion region, long from, long to) throws IOException {
    long start = from;
    for (long at = from; at < to; at += PAGE) {
      if (isZero(region.host(), at)) {
        visitRun(region, start, at);
        start = at + PAGE;
      } else if (at - start >= LONGEST) {
        visitRun(region, start, at);
        start = at;
      }
    }
    visitRun(region, start, to);
  }

  /**
   * Not {@link MemorySegment#mismatch}: the JVM compiles that for all its users together, and
   * dropped the code when a copy met other lengths and contents. It then ran for 20 ms without.
   */
  private static boolean isZero(MemorySegment memory, long at) {
    for (long next = at; next < at + PAGE; next += Long.BYTES) {
      if (memory.get(ValueLayout.JAVA_LONG, next) != 0) {
        return false;
      }
    }
    return true;
  }

  private void visitRun(MemoryRegion region, long from, long to) throws IOException {
    if (to > from) {
      visitor.visit(region, from, to);
    }
  }
}
