package org.microvm.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.microvm.syscall.CompareExchange16;

/**
 * Guest RAM, addressed by guest-physical address; every access is bounds-checked.
 *
 * <p>Values are little-endian and may be unaligned. An access must lie within one region: RAM below
 * and above the hole under 4 GiB is not contiguous. A value is loaded once ({@link SingleLoads}),
 * so what was checked is what is used. The accessors here do not order memory against the vCPUs;
 * code that needs ordering, such as a virtqueue, takes a {@link #slice} and uses acquire and
 * release on it.
 *
 * <p>Any thread may call; the owner of the mapping unmaps it only after every thread that holds a
 * segment or a host address from here has ended.
 */
public final class GuestMemory {
  /** The end of low RAM, which leaves addresses for devices, as on a PC: 3 GiB. */
  public static final long HOLE_START = 3L << 30;

  /** The start of the RAM above the hole: 4 GiB. */
  public static final long HOLE_END = 4L << 30;

  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final Comparator<MemoryRegion> BY_START =
      new Comparator<>() {
        @Override
        public int compare(MemoryRegion left, MemoryRegion right) {
          return Long.compare(left.start(), right.start());
        }
      };

  private final MemoryRegion[] regions;
  private final DirtyPages dirtyPages;

  /**
   * Combines regions to one address space.
   *
   * @param regions the regions of RAM, which must not overlap
   * @throws IllegalArgumentException if two regions overlap or there is none
   */
  public GuestMemory(List<MemoryRegion> regions) {
    // No stream and no lambda: their first use costs about 20 ms, and every start runs this code.
    this.regions = regions.toArray(new MemoryRegion[0]);
    Arrays.sort(this.regions, BY_START);
    if (this.regions.length == 0) {
      throw new IllegalArgumentException("guest RAM needs at least one region");
    }
    for (int i = 1; i < this.regions.length; i++) {
      if (this.regions[i].start() < this.regions[i - 1].end()) {
        throw new IllegalArgumentException("guest RAM regions overlap");
      }
    }
    long end = 0;
    for (MemoryRegion region : this.regions) {
      end = Math.max(end, region.fileOffset() + region.size());
    }
    dirtyPages = new DirtyPages(end);
  }

  /** {@return the regions of RAM by ascending address; immutable} */
  public List<MemoryRegion> regions() {
    return List.of(regions);
  }

  /** {@return the pages that this process has written while the guest runs} */
  public DirtyPages dirtyPages() {
    return dirtyPages;
  }

  /** {@return the total size of RAM in bytes} */
  public long size() {
    long size = 0;
    for (MemoryRegion region : regions) {
      size += region.size();
    }
    return size;
  }

  /**
   * {@return whether {@code length} bytes from {@code address} lie in RAM, within one region}
   *
   * @param address guest-physical address of the first byte
   * @param length in bytes, unsigned
   */
  public boolean contains(long address, long length) {
    return find(address, length) != null;
  }

  /**
   * Gives a view of guest RAM; it stays valid as long as the mapping.
   *
   * @param address guest-physical address of the first byte
   * @param length in bytes, unsigned
   * @return native memory of {@code length} bytes
   * @throws GuestMemoryException if the range is not within one region
   */
  public MemorySegment slice(long address, long length) throws GuestMemoryException {
    MemoryRegion region = region(address, length);
    return region.host().asSlice(address - region.start(), length);
  }

  /**
   * Finds the host virtual address of a range, for system calls that take one. Allocates nothing.
   *
   * @param address guest-physical address of the first byte
   * @param length in bytes, unsigned; all of them follow the result contiguously
   * @return the host virtual address of the first byte
   * @throws GuestMemoryException if the range is not within one region
   */
  public long hostAddress(long address, long length) throws GuestMemoryException {
    MemoryRegion region = region(address, length);
    return region.host().address() + (address - region.start());
  }

  /**
   * Reads an unsigned byte.
   *
   * @param address guest-physical address
   * @return 0 to 255
   * @throws GuestMemoryException if the address is not in RAM
   */
  public int getByte(long address) throws GuestMemoryException {
    MemoryRegion region = region(address, 1);
    return SingleLoads.getByte(region.host(), address - region.start());
  }

  /**
   * Reads an unsigned 16-bit value.
   *
   * @param address guest-physical address of the lowest byte
   * @return 0 to 65535
   * @throws GuestMemoryException if the two bytes are not within one region
   */
  public int getShort(long address) throws GuestMemoryException {
    MemoryRegion region = region(address, 2);
    return SingleLoads.getShort(region.host(), address - region.start());
  }

  /**
   * Reads a 32-bit value.
   *
   * @param address guest-physical address of the lowest byte
   * @return the value; the caller decides whether it is signed
   * @throws GuestMemoryException if the four bytes are not within one region
   */
  public int getInt(long address) throws GuestMemoryException {
    MemoryRegion region = region(address, 4);
    return SingleLoads.getInt(region.host(), address - region.start());
  }

  /**
   * Reads a 64-bit value.
   *
   * @param address guest-physical address of the lowest byte
   * @return the value; the caller decides whether it is signed
   * @throws GuestMemoryException if the eight bytes are not within one region
   */
  public long getLong(long address) throws GuestMemoryException {
    MemoryRegion region = region(address, 8);
    return SingleLoads.getLong(region.host(), address - region.start());
  }

  /**
   * Writes the low byte of {@code value}.
   *
   * @param address guest-physical address
   * @param value its upper 24 bits are ignored
   * @throws GuestMemoryException if the address is not in RAM
   */
  public void putByte(long address, int value) throws GuestMemoryException {
    MemoryRegion region = region(address, 1);
    region.host().set(ValueLayout.JAVA_BYTE, address - region.start(), (byte) value);
  }

  /**
   * Writes the low 16 bits of {@code value}.
   *
   * @param address guest-physical address of the lowest byte
   * @param value its upper 16 bits are ignored
   * @throws GuestMemoryException if the two bytes are not within one region
   */
  public void putShort(long address, int value) throws GuestMemoryException {
    MemoryRegion region = region(address, 2);
    region.host().set(SHORT, address - region.start(), (short) value);
  }

  /**
   * Writes a 32-bit value.
   *
   * @param address guest-physical address of the lowest byte
   * @param value signed or unsigned
   * @throws GuestMemoryException if the four bytes are not within one region
   */
  public void putInt(long address, int value) throws GuestMemoryException {
    MemoryRegion region = region(address, 4);
    region.host().set(INT, address - region.start(), value);
  }

  /**
   * Writes a 64-bit value.
   *
   * @param address guest-physical address of the lowest byte
   * @param value signed or unsigned
   * @throws GuestMemoryException if the eight bytes are not within one region
   */
  public void putLong(long address, long value) throws GuestMemoryException {
    MemoryRegion region = region(address, 8);
    region.host().set(LONG, address - region.start(), value);
  }

  /**
   * Fills {@code target} with guest bytes.
   *
   * @param address guest-physical address of the first byte
   * @param target receives as many bytes as it has room for
   * @throws GuestMemoryException if the range is not within one region; nothing is read then
   */
  public void read(long address, byte[] target) throws GuestMemoryException {
    MemorySegment.copy(
        slice(address, target.length), ValueLayout.JAVA_BYTE, 0, target, 0, target.length);
    // The copy before its use: a load of the copy must not become one of guest memory.
    VarHandle.acquireFence();
  }

  /**
   * Copies all of {@code source} into guest RAM.
   *
   * @param address guest-physical address of the first byte
   * @param source the bytes; if empty, nothing is written
   * @throws GuestMemoryException if the range is not within one region; nothing is written then
   */
  public void write(long address, byte[] source) throws GuestMemoryException {
    MemorySegment.copy(
        source, 0, slice(address, source.length), ValueLayout.JAVA_BYTE, 0, source.length);
  }

  /**
   * Copies all of {@code source} into guest RAM.
   *
   * @param address guest-physical address of the first byte
   * @param source the bytes; if empty, nothing is written
   * @throws GuestMemoryException if the range is not within one region; nothing is written then
   */
  public void write(long address, MemorySegment source) throws GuestMemoryException {
    slice(address, source.byteSize()).copyFrom(source);
  }

  /**
   * Compares 16 bytes with what is expected and replaces them if they are equal, atomically with
   * regard to the vCPUs: the processor executes CMPXCHG16B with a LOCK prefix.
   *
   * @param address guest-physical, a multiple of 16
   * @param expected the low and the high half that are expected; on return, those that were found
   * @param low the new low half
   * @param high the new high half
   * @return whether the bytes were replaced
   * @throws GuestMemoryException if the bytes are not in RAM
   */
  public boolean compareAndExchange16(long address, long[] expected, long low, long high)
      throws GuestMemoryException {
    MemoryRegion region = region(address, 16);
    long offset = address - region.start();
    boolean exchanged =
        CompareExchange16.run(region.host().asSlice(offset, 16), expected, low, high);
    if (exchanged) {
      dirtyPages.mark(region.fileOffset() + offset, 16);
    }
    return exchanged;
  }

  private MemoryRegion region(long address, long length) throws GuestMemoryException {
    MemoryRegion region = find(address, length);
    if (region == null) {
      throw new GuestMemoryException(address, length);
    }
    return region;
  }

  private MemoryRegion find(long address, long length) {
    for (MemoryRegion region : regions) {
      if (region.holds(address, length)) {
        return region;
      }
    }
    return null;
  }
}
