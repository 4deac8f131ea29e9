package org.microvm.devices.bus;

import java.lang.foreign.MemorySegment;

/**
 * What answers in a range of ports or of guest-physical addresses.
 *
 * <p>All calls come on vCPU threads, several at a time when there are several vCPUs, and must not
 * block. Offsets count from the start of the range; a {@link Bus} passes only accesses of 1, 2, 4
 * or 8 bytes that lie wholly within it, but aligns nothing.
 */
public interface BusDevice {
  /** Reads; bits above {@code size} bytes of the result are ignored. */
  long read(long offset, int size);

  /** Writes {@code value}, which is zero-extended from {@code size} bytes. */
  void write(long offset, int size, long value);

  /**
   * Serves a string input ({@code rep ins}): {@code count} reads of one port into {@code data}.
   *
   * <p>A device that can do better than one access at a time overrides this.
   *
   * @param position where in {@code data} the first value goes; the others follow it
   */
  default void readRepeated(long offset, int size, MemorySegment data, long position, int count) {
    for (int i = 0; i < count; i++) {
      Wire.put(data, position + (long) i * size, size, read(offset, size));
    }
  }

  /**
   * Serves a string output ({@code rep outs}): {@code count} writes to one port from {@code data}.
   *
   * @param position where in {@code data} the first value is; the others follow it
   */
  default void writeRepeated(long offset, int size, MemorySegment data, long position, int count) {
    for (int i = 0; i < count; i++) {
      write(offset, size, Wire.get(data, position + (long) i * size, size));
    }
  }
}
