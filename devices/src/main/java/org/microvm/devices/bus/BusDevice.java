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
  /**
   * Reads a value.
   *
   * @param offset of the first byte
   * @param size bytes of the access: 1, 2, 4 or 8
   * @return the value; bits above {@code size} bytes are ignored
   */
  long read(long offset, int size);

  /**
   * Writes a value.
   *
   * @param offset of the first byte
   * @param size bytes of the access: 1, 2, 4 or 8
   * @param value zero-extended from {@code size} bytes
   */
  void write(long offset, int size, long value);

  /**
   * Performs a string input ({@code rep ins}): {@code count} reads of one port into {@code data}.
   *
   * <p>A device that can do this faster than one access at a time overrides it.
   *
   * @param offset of the port
   * @param size bytes of one access: 1, 2 or 4
   * @param data receives the values
   * @param position where in {@code data} the first value goes; the others follow it
   * @param count the number of accesses
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
   * @param offset of the port
   * @param size bytes of one access: 1, 2 or 4
   * @param data the values
   * @param position where in {@code data} the first value is; the others follow it
   * @param count the number of accesses
   */
  default void writeRepeated(long offset, int size, MemorySegment data, long position, int count) {
    for (int i = 0; i < count; i++) {
      write(offset, size, LittleEndian.get(data, position + (long) i * size, size));
    }
  }
}
