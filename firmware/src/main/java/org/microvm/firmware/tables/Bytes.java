package org.microvm.firmware.tables;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Little-endian buffers for building tables. */
public final class Bytes {
  private Bytes() {}

  /** Allocates a zeroed buffer of {@code size} bytes. */
  public static ByteBuffer allocate(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * Sets the checksum byte at {@code index}, which must be 0 before, so that all bytes of the table
   * add up to 0.
   */
  public static void seal(byte[] table, int index) {
    int sum = 0;
    for (byte b : table) {
      sum += b;
    }
    table[index] = (byte) -sum;
  }
}
