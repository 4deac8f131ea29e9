package org.microvm.devices.virtio;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.microvm.memory.DirtyPages;
import org.microvm.memory.GuestMemory;
import org.microvm.memory.MemoryRegion;

/**
 * The regions of guest RAM as arrays, for reading descriptors: {@link GuestMemory} requires a range
 * within one region, but a descriptor may cross from one region into an adjoining one.
 *
 * <p>Immutable; any thread may call.
 */
final class RamView {
  private final MemorySegment[] hosts;
  private final long[] starts;
  private final long[] sizes;
  private final long[] hostAddresses;
  private final long[] fileOffsets;
  private final DirtyPages dirtyPages;
  private final long size;

  RamView(GuestMemory memory) {
    List<MemoryRegion> regions = memory.regions();
    int count = regions.size();
    hosts = new MemorySegment[count];
    starts = new long[count];
    sizes = new long[count];
    hostAddresses = new long[count];
    fileOffsets = new long[count];
    dirtyPages = memory.dirtyPages();
    size = memory.size();
    for (int i = 0; i < count; i++) {
      MemoryRegion region = regions.get(i);
      hosts[i] = region.host();
      starts[i] = region.start();
      sizes[i] = region.size();
      hostAddresses[i] = region.host().address();
      fileOffsets[i] = region.fileOffset();
    }
  }

  /** Returns the index of the region that contains {@code address}, or -1. */
  int find(long address) {
    for (int i = 0; i < starts.length; i++) {
      // An address below the start wraps to a huge offset, so one unsigned comparison is enough.
      if (Long.compareUnsigned(address - starts[i], sizes[i]) < 0) {
        return i;
      }
    }
    return -1;
  }

  /** The offset of {@code address} in the region. */
  long offset(int region, long address) {
    return address - starts[region];
  }

  /** The number of bytes in the region from {@code offset} on. */
  long remaining(int region, long offset) {
    return sizes[region] - offset;
  }

  /** Whether written pages are tracked; if not, {@link #written} does nothing. */
  boolean isWatched() {
    return dirtyPages.isOn();
  }

  /** Marks bytes as written, so that a migration sends them again. */
  void written(int region, long offset, long length) {
    dirtyPages.mark(fileOffsets[region] + offset, length);
  }

  /** Marks all of RAM as written. */
  void allWritten() {
    for (int region = 0; region < sizes.length; region++) {
      written(region, 0, sizes[region]);
    }
  }

  /** The size of RAM in bytes. */
  long size() {
    return size;
  }

  MemorySegment host(int region) {
    return hosts[region];
  }

  long hostAddress(int region, long offset) {
    return hostAddresses[region] + offset;
  }
}
