package org.microvm.virtioserial;

/**
 * An endless stream of bytes in which every place can be told from a few bytes: the words number k
 * are k in disguise, under a key that tells streams apart.
 */
final class StreamPattern {
  /** Bytes from which {@link #locate} knows the place. */
  static final int LOCATABLE = 12;

  private static final int FACTOR = 0x9E3779B1;
  private static final int INVERSE = inverse(FACTOR);

  private final int key;

  StreamPattern(int key) {
    this.key = key;
  }

  /** The bytes from a place on. */
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

  /** The place in the stream at which these bytes are, or -1 if they are not of it. */
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

  /** Modulo 2^32, by Newton's method. */
  private static int inverse(int odd) {
    int inverse = odd;
    for (int i = 0; i < 5; i++) {
      inverse *= 2 - odd * inverse;
    }
    return inverse;
  }
}
