package org.microvm.devices.bus;

import java.lang.foreign.MemorySegment;

/**
 * A device that occupies a range of ports or of guest-physical addresses.
 *
 * <p>The methods are called on vCPU threads, at the same time if there are several vCPUs, and must
 * not block. Offsets count from the start of the range. A {@link Bus} passes only accesses of 1, 2,
 * 4 or 8 bytes that lie wholly within the range, but they may be unaligned.
 */
public interface BusDevice {
  /** Reads a value; bits of the result above {@code size} bytes are ignored. */
  long read(long offset, int size);

  /** Writes {@code value}, which is zero-extended from {@code size} bytes. */
  void write(long offset, int size, long value);

  /**
   * Performs a string input ({@code rep ins}): {@code count} reads of one port into {@code data}.
   *
   * <p>A device that can do this faster than one access at a time overrides it.
   *
   * @param position where in {@code data} the first value goes; the others follow it
   */
  default void readRepeated(long offset, int size, MemorySegment data, long position, int count) {
    for (int i = 0; i < count; i++) {
      LittleEndian.put(data, position + (long) i * size, size, read(offset, size));
    }
  }

  /**
   * Performs a string output ({@code rep outs}): {@code count} writes to one port from {@code
   * data}.
   *
   * @param position where in {@code data} the first value is; the others follow it
   */
  default void writeRepeated(long offset, int size, MemorySegment data, long position, int count) {
    for (int i = 0; i < count; i++) {
      write(offset, size, LittleEndian.get(data, position + (long) i * size, size));
    }
  }
}
