package org.microvm.machine;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.GuestRam;
import org.microvm.memory.MemoryRegion;

/**
 * Writes guest RAM to a file of the same layout, in which zero pages are holes.
 *
 * <p>Runs of pages are written at once, up to a mebibyte. Nothing else writes the RAM meanwhile.
 */
final class MemoryFile {
  private static final int PAGE = 4096;
  private static final long RUN = 1 << 20;

  private final GuestRam ram;
  private final Fd file;
  private final MemorySegment zeros = Arena.ofAuto().allocate(PAGE, PAGE);

  private MemoryFile(GuestRam ram, Fd file) {
    this.ram = ram;
    this.file = file;
  }

  /** Writes all of it to an empty file. */
  static void write(GuestRam ram, Fd file) throws IOException {
    file.resize(ram.memory().size());
    new MemoryFile(ram, file).write();
  }

  private void write() throws IOException {
    for (MemoryRegion region : ram.memory().regions()) {
      long from = 0;
      while (from < region.size()) {
        from = writePiece(region, from);
      }
    }
  }

  /** Writes from an offset on up to the next hole; returns where to go on. */
  private long writePiece(MemoryRegion region, long from) throws IOException {
    if (!ram.isAnonymous()) {
      writeData(region, from, region.size());
      return region.size();
    }
    // Reading a hole would only fill it with pages.
    long data = ram.file().nextData(region.fileOffset() + from);
    if (data < 0 || data >= region.fileOffset() + region.size()) {
      return region.size();
    }
    long end = Math.min(ram.file().nextHole(data) - region.fileOffset(), region.size());
    writeData(region, data - region.fileOffset(), end);
    return end;
  }

  private void writeData(MemoryRegion region, long from, long to) throws IOException {
    long start = from;
    for (long at = from; at < to; at += PAGE) {
      if (isZero(region.host(), at)) {
        writeRun(region, start, at);
        start = at + PAGE;
      } else if (at - start >= RUN) {
        writeRun(region, start, at);
        start = at;
      }
    }
    writeRun(region, start, to);
  }

  private boolean isZero(MemorySegment memory, long at) {
    return MemorySegment.mismatch(memory, at, at + PAGE, zeros, 0, PAGE) < 0;
  }

  private void writeRun(MemoryRegion region, long from, long to) throws IOException {
    for (long at = from; at < to; ) {
      long written = file.pwrite(region.host().asSlice(at, to - at), region.fileOffset() + at);
      at += ErrnoException.check(written, "write", file);
      if (written == 0) {
        throw new IOException("write " + file + ": nothing was written");
      }
    }
  }
}
