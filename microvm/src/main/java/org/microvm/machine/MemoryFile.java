package org.microvm.machine;

import java.io.IOException;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.GuestRam;
import org.microvm.memory.MemoryRegion;

/** Writes guest RAM to a file of the same layout, in which zero pages are holes. */
final class MemoryFile {
  private MemoryFile() {}

  /** Writes all of it to an empty file; nothing else writes the RAM meanwhile. */
  static void write(GuestRam ram, Fd file) throws IOException {
    file.resize(ram.memory().size());
    MemoryRuns.visit(ram, (region, from, to) -> writeRun(file, region, from, to));
  }

  private static void writeRun(Fd file, MemoryRegion region, long from, long to)
      throws IOException {
    for (long at = from; at < to; ) {
      long written = file.pwrite(region.host().asSlice(at, to - at), region.fileOffset() + at);
      at += ErrnoException.check(written, "write", file);
      if (written == 0) {
        throw new IOException("write " + file + ": nothing was written");
      }
    }
  }
}
