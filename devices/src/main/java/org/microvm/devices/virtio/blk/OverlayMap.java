package org.microvm.devices.virtio.blk;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import org.microvm.linux.Errno;
import org.microvm.linux.Fd;

/**
 * A bit for each sector of an overlay, which says whether the guest has written it. The bits are
 * behind the sectors in the same file, because a guest decides which of them are set: those of a
 * large disk would not fit into the heap.
 *
 * <p>Used by one thread.
 */
final class OverlayMap {
  private static final int PAGE = 4096;
  private static final long SECTORS_OF_A_PAGE = PAGE * (long) Byte.SIZE;
  private static final int NONE = -1;

  private final Fd file;
  private final long start;
  private final MemorySegment page = Arena.ofAuto().allocate(PAGE);
  private final ByteBuffer bits = page.asByteBuffer();

  /** The number of the page in memory. */
  private long loaded = NONE;

  /**
   * @param file has the sectors and the bits; the caller closes it
   * @param size bytes of the sectors
   */
  OverlayMap(Fd file, long size) {
    this.file = file;
    start = start(size);
  }

  /** Returns how long the file must be. */
  static long fileSize(long size) {
    long sectors = Math.ceilDiv(size, BlkRequest.SECTOR);
    return start(size) + Math.ceilDiv(sectors, SECTORS_OF_A_PAGE) * PAGE;
  }

  private static long start(long size) {
    return Math.ceilDiv(size, PAGE) * PAGE;
  }

  /**
   * Reads the bit of a sector; {@link #run} continues there.
   *
   * @return 1 if the sector was written, 0 if not, or a negative error number
   */
  long get(long sector) {
    long result = load(sector / SECTORS_OF_A_PAGE);
    return result < 0 ? result : bit(sector) ? 1 : 0;
  }

  /**
   * Returns how many sectors from the one of the last {@link #get} on have the same bit, as far as
   * one read of the file shows.
   *
   * @param sector the sector of the last {@code get}
   * @param most the number to stop at
   */
  long run(long sector, long most) {
    boolean first = bit(sector);
    long end = Math.min(sector + most, (loaded + 1) * SECTORS_OF_A_PAGE);
    long next = sector + 1;
    while (next < end && bit(next) == first) {
      next++;
    }
    return next - sector;
  }

  /**
   * Records that sectors were written.
   *
   * @return 0, or a negative error number; then some may not have been recorded
   */
  long set(long sector, long count) {
    long end = sector + count;
    for (long from = sector; from < end; ) {
      long number = from / SECTORS_OF_A_PAGE;
      long to = Math.min(end, (number + 1) * SECTORS_OF_A_PAGE);
      long result = load(number);
      if (result >= 0 && setLoaded(from, to)) {
        result = store(number, from, to);
      }
      if (result < 0) {
        return result;
      }
      from = to;
    }
    return 0;
  }

  private boolean setLoaded(long from, long to) {
    boolean changed = false;
    for (long sector = from; sector < to; sector++) {
      if (!bit(sector)) {
        int at = byteOf(sector);
        bits.put(at, (byte) (bits.get(at) | 1 << sector % Byte.SIZE));
        changed = true;
      }
    }
    return changed;
  }

  private boolean bit(long sector) {
    return (bits.get(byteOf(sector)) >> sector % Byte.SIZE & 1) != 0;
  }

  private static int byteOf(long sector) {
    return (int) (sector % SECTORS_OF_A_PAGE / Byte.SIZE);
  }

  private long load(long number) {
    if (number == loaded) {
      return 0;
    }
    loaded = NONE;
    long result = file.pread(page, start + number * PAGE);
    if (result == PAGE) {
      loaded = number;
      return 0;
    }
    return result < 0 ? result : -Errno.EIO;
  }

  private long store(long number, long from, long to) {
    long first = byteOf(from);
    MemorySegment changed = page.asSlice(first, byteOf(to - 1) + 1 - first);
    long result = file.pwrite(changed, start + number * PAGE + first);
    if (result == changed.byteSize()) {
      return 0;
    }
    // The page in memory says what the file does not.
    loaded = NONE;
    return result < 0 ? result : -Errno.ENOSPC;
  }
}
