package org.microvm.memory;

import java.lang.foreign.MemorySegment;

/**
 * A contiguous piece of guest RAM, which becomes one KVM memory slot.
 *
 * @param start guest-physical address of the first byte
 * @param host the host mapping; its size is the region's size in bytes
 * @param fileOffset offset in bytes of the region in the memfd that backs guest RAM
 */
public record MemoryRegion(long start, MemorySegment host, long fileOffset) {

  /** {@return the size in bytes} */
  public long size() {
    return host.byteSize();
  }

  /** {@return the guest-physical address just past the last byte} */
  public long end() {
    return start + host.byteSize();
  }

  /** Whether {@code length} bytes from {@code address}, both unsigned, lie within the region. */
  boolean holds(long address, long length) {
    long offset = address - start;
    long size = host.byteSize();
    // Unsigned, and without a sum: address + length may wrap around, size - length cannot.
    return Long.compareUnsigned(length, size) <= 0
        && Long.compareUnsigned(offset, size - length) <= 0;
  }
}
