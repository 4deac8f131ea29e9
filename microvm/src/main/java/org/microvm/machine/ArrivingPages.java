package org.microvm.machine;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.microvm.devices.state.StateException;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.GuestRam;
import org.microvm.machine.transfer.MigrationStream;
import org.microvm.machine.transfer.MigrationStream.Frame;
import org.microvm.memory.MemoryRegion;

/**
 * Writes the pages of an arriving guest to the file that backs its RAM. That takes two thirds of
 * the time of reading them into the mapping, where each page is zeroed first, in a page fault of
 * its own. Used by one thread.
 */
final class ArrivingPages implements AutoCloseable {
  /** In bytes: as much as a socket holds, little enough to stay in a processor's cache. */
  private static final long PART = 128 << 10;

  private final MigrationStream stream;
  private final GuestRam ram;
  private final Arena arena = Arena.ofConfined();
  private MemorySegment buffer;

  ArrivingPages(MigrationStream stream, GuestRam ram) {
    this.stream = stream;
    this.ram = ram;
  }

  /**
   * Reads the payload of a frame of type PAGES.
   *
   * @throws StateException if the pages are outside RAM
   */
  void read(Frame frame) throws IOException {
    long at = frame.argument();
    checkInside(at, frame.length());
    if (buffer == null) {
      buffer = arena.allocate(PART);
    }
    for (long end = at + frame.length(); at < end; ) {
      MemorySegment part = buffer.asSlice(0, Math.min(PART, end - at));
      if (!stream.readAll(part)) {
        throw new IOException("the source closed the connection");
      }
      write(part, at);
      at += part.byteSize();
    }
  }

  private void write(MemorySegment bytes, long offset) throws ErrnoException {
    for (long at = 0; at < bytes.byteSize(); ) {
      long written = ram.file().pwrite(bytes.asSlice(at), offset + at);
      at += ErrnoException.check(written, "write", ram.file());
    }
  }

  private void checkInside(long at, long length) throws StateException {
    for (MemoryRegion region : ram.memory().regions()) {
      long offset = at - region.fileOffset();
      if (offset >= 0 && offset <= region.size() && length <= region.size() - offset) {
        return;
      }
    }
    throw new StateException(
        "the source sent pages for offset 0x%x, which is outside this machine's memory"
            .formatted(at));
  }

  @Override
  public void close() {
    arena.close();
  }
}
