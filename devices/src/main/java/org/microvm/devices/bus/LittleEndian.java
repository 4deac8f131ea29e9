package org.microvm.devices.bus;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Reads and writes little-endian values of 1, 2, 4 or 8 bytes, at any alignment. */
public final class LittleEndian {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private LittleEndian() {}

  /**
   * Reads a value.
   *
   * @param data where to read
   * @param position of the lowest byte in {@code data}
   * @param size bytes of the value: 1, 2, 4 or 8
   * @return the value, zero-extended
   * @throws IllegalArgumentException if the size is another one
   */
  public static long get(MemorySegment data, long position, int size) {
    return switch (size) {
      case 1 -> data.get(ValueLayout.JAVA_BYTE, position) & 0xffL;
      case 2 -> data.get(SHORT, position) & 0xffffL;
      case 4 -> data.get(INT, position) & 0xffff_ffffL;
      case 8 -> data.get(LONG, position);
      default ->
          throw new IllegalArgumentException("an access has 1, 2, 4 or 8 bytes, not " + size);
    };
  }

  /**
   * Writes a value.
   *
   * @param data where to write
   * @param position of the lowest byte in {@code data}
   * @param size bytes of the value: 1, 2, 4 or 8
   * @param value its low {@code size} bytes are written
   * @throws IllegalArgumentException if the size is another one
   */
  public static void put(MemorySegment data, long position, int size, long value) {
    switch (size) {
      case 1 -> data.set(ValueLayout.JAVA_BYTE, position, (byte) value);
      case 2 -> data.set(SHORT, position, (short) value);
      case 4 -> data.set(INT, position, (int) value);
      case 8 -> data.set(LONG, position, value);
      default ->
          throw new IllegalArgumentException("an access has 1, 2, 4 or 8 bytes, not " + size);
    }
  }
}
