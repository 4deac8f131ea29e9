package org.microvm.machine.memory;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.GuestRam;
import org.microvm.memory.MemoryRegion;

/** Writes guest RAM to a file of the same layout, and reads it. */
public final class MemoryFile {
  private MemoryFile() {}

  /**
   * Writes all of RAM to an empty file, in which zero pages become holes. Nothing may write to RAM
   * meanwhile.
   */
  public static void write(GuestRam ram, Fd file) throws IOException {
    MemoryRuns.visit(ram, (region, from, to) -> writeRun(file, region, from, to));
  }

  /** Writes part of a region to its place in the file. */
  public static void writeRun(Fd file, MemoryRegion region, long from, long to) throws IOException {
    writeAll(file, region.host().asSlice(from, to - from), region.fileOffset() + from);
  }

  /**
   * Writes all of a segment.
   *
   * @param offset offset in the file
   */
  public static void writeAll(Fd file, MemorySegment bytes, long offset) throws IOException {
    for (long at = 0; at < bytes.byteSize(); ) {
      long written = file.pwrite(bytes.asSlice(at), offset + at);
      at += ErrnoException.check(written, "write", file);
      if (written == 0) {
        throw new IOException("write " + file + ": nothing was written");
      }
    }
  }

  /**
   * Reads part of RAM from its place in the file.
   *
   * @param offset offset in the file, which is as long as RAM
   */
  public static void read(GuestRam ram, Fd file, long offset, long length) throws ErrnoException {
    for (MemoryRegion region : ram.memory().regions()) {
      long from = Math.max(offset, region.fileOffset());
      long to = Math.min(offset + length, region.fileOffset() + region.size());
      while (from < to) {
        long bytes = file.pread(region.host().asSlice(from - region.fileOffset(), to - from), from);
        from += ErrnoException.check(bytes, "read", file);
        if (bytes == 0) {
          throw new ErrnoException("read " + file, Errno.EIO, "the file is shorter than RAM");
        }
      }
    }
  }
}
