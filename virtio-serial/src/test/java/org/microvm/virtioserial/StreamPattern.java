package org.microvm.virtioserial;

/**
 * An endless stream of bytes in which a few bytes identify every position: word number k is k,
 * scrambled with a key that distinguishes streams.
 */
final class StreamPattern {
  /** The number of bytes that {@link #locate} needs. */
  static final int LOCATABLE = 12;

  private static final int FACTOR = 0x9E3779B1;
  private static final int INVERSE = inverse(FACTOR);

  private final int key;

  StreamPattern(int key) {
    this.key = key;
  }

  /** Returns bytes of the stream from a position on. */
  byte[] bytes(long position, int count) {
    byte[] bytes = new byte[count];
    for (int i = 0; i < count; i++) {
      bytes[i] = at(position + i);
    }
    return bytes;
  }

  byte at(long position) {
    return (byte) (word((int) (position >>> 2)) >>> (24 - 8 * (int) (position & 3)));
  }

  /** Returns the position of these bytes in the stream, or -1 if they are not part of it. */
  long locate(byte[] bytes) {
    for (int skip = 0; skip < 4; skip++) {
      int first = index(bytes, skip);
      if (first >= 0 && index(bytes, skip + 4) == first + 1) {
        return 4L * first - skip;
      }
    }
    return -1;
  }

  private int word(int index) {
    int product = (index ^ key) * FACTOR;
    return product ^ (product >>> 16);
  }

  private int index(byte[] bytes, int at) {
    int word = 0;
    for (int i = 0; i < 4; i++) {
      word = word << 8 | bytes[at + i] & 0xff;
    }
    return ((word ^ (word >>> 16)) * INVERSE) ^ key;
  }

  /** Returns the inverse modulo 2^32, by Newton's method. */
  private static int inverse(int odd) {
    int inverse = odd;
    for (int i = 0; i < 5; i++) {
      inverse *= 2 - odd * inverse;
    }
    return inverse;
  }
}
