package org.microvm.firmware.tables;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Little-endian buffers for building tables. */
final class Bytes {
  private Bytes() {}

  static ByteBuffer allocate(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * Sets the checksum byte at {@code index}, which must be 0 before, so that all bytes of the table
   * add up to 0.
   */
  static void seal(byte[] table, int index) {
    int sum = 0;
    for (byte b : table) {
      sum += b;
    }
    table[index] = (byte) -sum;
  }
}
