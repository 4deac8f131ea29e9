package org.microvm.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Loads little-endian values from memory that a guest may change at any time. Each byte is loaded
 * exactly once: the compiler may repeat a plain load, so that a value that was checked could differ
 * from the one that is used.
 *
 * <p>An aligned value is loaded at once (opaque mode of {@link VarHandle}). An unaligned one is put
 * together from its bytes, and may mix bytes from before and after a write of the guest.
 */
public final class SingleLoads {
  private static final VarHandle BYTE = ValueLayout.JAVA_BYTE.varHandle();
  private static final VarHandle SHORT = littleEndian(ValueLayout.JAVA_SHORT);
  private static final VarHandle INT = littleEndian(ValueLayout.JAVA_INT);
  private static final VarHandle LONG = littleEndian(ValueLayout.JAVA_LONG);

  private SingleLoads() {}

  private static VarHandle littleEndian(ValueLayout layout) {
    return layout.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();
  }

  /**
   * {@return the unsigned byte at an offset}
   *
   * @param memory guest memory, or a part of it
   * @param offset in bytes
   */
  public static int getByte(MemorySegment memory, long offset) {
    return (byte) BYTE.getOpaque(memory, offset) & 0xff;
  }

  /**
   * {@return the unsigned 16-bit value at an offset}
   *
   * @param memory native memory of the guest
   * @param offset of the lowest byte, any alignment
   */
  public static int getShort(MemorySegment memory, long offset) {
    return isAligned(memory, offset, Short.BYTES)
        ? (short) SHORT.getOpaque(memory, offset) & 0xffff
        : (int) assemble(memory, offset, Short.BYTES);
  }

  /**
   * {@return the 32-bit value at an offset}
   *
   * @param memory native memory of the guest
   * @param offset of the lowest byte, any alignment
   */
  public static int getInt(MemorySegment memory, long offset) {
    return isAligned(memory, offset, Integer.BYTES)
        ? (int) INT.getOpaque(memory, offset)
        : (int) assemble(memory, offset, Integer.BYTES);
  }

  /**
   * {@return the 64-bit value at an offset}
   *
   * @param memory native memory of the guest
   * @param offset of the lowest byte, any alignment
   */
  public static long getLong(MemorySegment memory, long offset) {
    return isAligned(memory, offset, Long.BYTES)
        ? (long) LONG.getOpaque(memory, offset)
        : assemble(memory, offset, Long.BYTES);
  }

  private static boolean isAligned(MemorySegment memory, long offset, int size) {
    return (memory.address() + offset & size - 1) == 0;
  }

  private static long assemble(MemorySegment memory, long offset, int size) {
    long value = 0;
    for (int i = 0; i < size; i++) {
      value |= (long) getByte(memory, offset + i) << Byte.SIZE * i;
    }
    return value;
  }
}
