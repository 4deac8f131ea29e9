package org.microvm.machine.memory;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.zip.CRC32;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.GuestRam;
import org.microvm.linux.SparseFile;
import org.microvm.memory.MemoryRegion;

/**
 * Checksums of some pages of guest memory, chosen at random, to find out later which part of the
 * memory has changed. The guest may run meanwhile.
 */
public final class PageSamples {
  private static final int PAGE = MemoryRuns.PAGE;
  private static final long GIB = 1L << 30;

  private record Page(MemoryRegion region, long offset) {}

  private final GuestRam ram;
  private final List<Page> pages = new ArrayList<>();
  private final long[] sums;

  private PageSamples(GuestRam ram, int count) {
    this.ram = ram;
    sums = new long[count];
  }

  /**
   * Takes the checksums.
   *
   * @param ram the guest's memory
   * @param pagesPerGib number of pages for each GiB; one page is taken at least
   */
  public static PageSamples take(GuestRam ram, int pagesPerGib) throws ErrnoException {
    long size = ram.memory().size();
    int count = Math.toIntExact(Math.clamp(size * pagesPerGib / GIB, 1, size / PAGE));
    PageSamples samples = new PageSamples(ram, count);
    for (int i = 0; i < count; i++) {
      samples.pages.add(samples.choose(ThreadLocalRandom.current().nextLong(size / PAGE) * PAGE));
      samples.sums[i] = samples.sum(samples.pages.get(i));
    }
    return samples;
  }

  private Page choose(long offset) {
    long rest = offset;
    for (MemoryRegion region : ram.memory().regions()) {
      if (rest < region.size()) {
        return new Page(region, rest);
      }
      rest -= region.size();
    }
    throw new IllegalArgumentException("beyond the end of memory: " + offset);
  }

  private long sum(Page page) throws ErrnoException {
    long offset = page.region.fileOffset() + page.offset;
    // Reading a hole would allocate it.
    if (ram.isAnonymous() && SparseFile.nextData(ram.file(), offset) != offset) {
      return 0;
    }
    CRC32 crc = new CRC32();
    crc.update(page.region.host().asSlice(page.offset, PAGE).asByteBuffer());
    return crc.getValue();
  }

  /** Returns which part of the pages has changed since, from 0 to 1. */
  public double changed() throws ErrnoException {
    int changed = 0;
    for (int i = 0; i < sums.length; i++) {
      if (sum(pages.get(i)) != sums[i]) {
        changed++;
      }
    }
    return (double) changed / sums.length;
  }
}
