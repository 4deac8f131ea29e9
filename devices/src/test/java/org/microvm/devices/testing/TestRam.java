package org.microvm.devices.testing;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import org.microvm.memory.GuestMemory;
import org.microvm.memory.GuestMemoryException;
import org.microvm.memory.MemoryRegion;

/** Guest RAM for tests, with a simple allocator that never frees. */
public final class TestRam {
  private static final int PAGE = 4096;

  private final GuestMemory memory;
  private long next;
  private final long end;

  private TestRam(GuestMemory memory) {
    this.memory = memory;
    MemoryRegion first = memory.regions().getFirst();
    // Address 0 stays unused, so that an address that was not set is not valid by accident.
    next = first.start() + PAGE;
    end = first.end();
  }

  /** Creates RAM with one region from address 0. */
  public static TestRam of(long bytes) {
    return new TestRam(new GuestMemory(List.of(region(0, bytes))));
  }

  /**
   * Creates RAM with regions of equal size at the given addresses; the allocator uses the lowest.
   */
  public static TestRam withRegions(long bytes, long... starts) {
    return new TestRam(
        new GuestMemory(Arrays.stream(starts).mapToObj(start -> region(start, bytes)).toList()));
  }

  /** The memory as devices see it. */
  public GuestMemory memory() {
    return memory;
  }

  /** Reserves zeroed bytes; returns their guest-physical address. */
  public long allocate(long bytes, int alignment) {
    long address = (next + alignment - 1) & -alignment;
    if (address + bytes > end) {
      throw new IllegalStateException("test memory is full");
    }
    next = address + bytes;
    return address;
  }

  /** The start of the next reservation, for {@link #rewind}. */
  public long mark() {
    return next;
  }

  /** Frees and zeroes everything reserved since the mark. */
  public void rewind(long mark) {
    try {
      memory.slice(mark, next - mark).fill((byte) 0);
    } catch (GuestMemoryException e) {
      throw new AssertionError(e);
    }
    next = mark;
  }

  /** Reserves room for bytes and writes them there; returns their guest-physical address. */
  public long store(byte... bytes) {
    long address = allocate(bytes.length, 1);
    put(address, bytes);
    return address;
  }

  /** Writes bytes. */
  public void put(long address, byte... bytes) {
    try {
      memory.write(address, bytes);
    } catch (GuestMemoryException e) {
      throw new AssertionError(e);
    }
  }

  /** Reads bytes. */
  public byte[] load(long address, int length) {
    byte[] bytes = new byte[length];
    try {
      memory.read(address, bytes);
    } catch (GuestMemoryException e) {
      throw new AssertionError(e);
    }
    return bytes;
  }

  private static MemoryRegion region(long start, long bytes) {
    // Freed only when the last segment of it is unreachable; aligned like a mapping.
    return new MemoryRegion(start, Arena.ofAuto().allocate(bytes, PAGE), 0);
  }
}
