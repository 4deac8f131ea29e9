package org.microvm.machine.linux;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The bytes that port-probe in the guest sends and expects: 16-byte records, each with a check. */
final class NumberedStream {
  static final int RECORD_BYTES = 16;

  /**
   * Replaces a record's number at the end of the stream; the last field then has the stream's
   * length.
   */
  static final int END_MARKER = -1;

  private NumberedStream() {}

  /** Creates part of a stream. */
  static byte[] bytes(int stream, long position, int length) {
    int offset = (int) (position % RECORD_BYTES);
    int records = (offset + length + RECORD_BYTES - 1) / RECORD_BYTES;
    ByteBuffer buffer = ByteBuffer.allocate(records * RECORD_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    int first = (int) (position / RECORD_BYTES);
    for (int i = 0; i < records; i++) {
      buffer.putInt(first + i).putInt(stream).putLong(check(stream, first + i));
    }
    byte[] bytes = new byte[length];
    buffer.get(offset, bytes);
    return bytes;
  }

  /** Creates the record that marks the end of the stream. */
  static byte[] end(int stream, long length) {
    return ByteBuffer.allocate(RECORD_BYTES)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(END_MARKER)
        .putInt(stream)
        .putLong(length)
        .array();
  }

  /** Computes the third field of a record. */
  static long check(int stream, int number) {
    return mix((long) stream << 32 | number & 0xffff_ffffL);
  }

  /** The finalizer of splitmix64. */
  private static long mix(long value) {
    long z = value;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }
}
