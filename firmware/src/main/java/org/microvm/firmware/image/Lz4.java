package org.microvm.firmware.image;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * LZ4 in its legacy frame format ({@code lz4 -l}), the only one that Linux uses
 * (lib/decompress_unlz4.c): independent blocks, each preceded by its packed size in 32 bits.
 */
final class Lz4 {
  /** The first four bytes of a frame, as a little-endian number. */
  static final int MAGIC = 0x184c_2102;

  /** The minimum length of a match. */
  private static final int MATCH_MIN = 4;

  /** A length of 15 in the token continues in the following bytes. */
  private static final int LENGTH_CONTINUES = 15;

  private Lz4() {}

  /** Unpacks all blocks. */
  static void unpack(ByteBuffer packed, ByteBuffer unpacked) throws IOException {
    ByteBuffer source = packed.slice().order(ByteOrder.LITTLE_ENDIAN);
    while (source.remaining() >= Integer.BYTES) {
      int size = source.getInt();
      if (size == MAGIC) {
        // The start of this frame, or of another one appended to it.
        continue;
      }
      if (size < 0 || size > source.remaining()) {
        throw new IOException("an lz4 block ends beyond the payload");
      }
      ByteBuffer block = source.slice(source.position(), size);
      source.position(source.position() + size);
      unpackBlock(block, unpacked);
    }
  }

  private static void unpackBlock(ByteBuffer block, ByteBuffer unpacked) throws IOException {
    int blockStart = unpacked.position();
    while (block.hasRemaining()) {
      int token = block.get() & 0xff;
      int literals = length(token >> 4, block);
      if (literals > block.remaining() || literals > unpacked.remaining()) {
        throw new IOException("an lz4 literal ends beyond its block or the stated size");
      }
      unpacked.put(unpacked.position(), block, block.position(), literals);
      block.position(block.position() + literals);
      unpacked.position(unpacked.position() + literals);
      if (!block.hasRemaining()) {
        // A block's last sequence is literals only.
        return;
      }
      if (block.remaining() < 2) {
        throw new IOException("an lz4 match ends beyond its block");
      }
      int distance = block.get() & 0xff | (block.get() & 0xff) << 8;
      int length = length(token & 0xf, block) + MATCH_MIN;
      if (distance == 0
          || distance > unpacked.position() - blockStart
          || length > unpacked.remaining()) {
        throw new IOException("an lz4 match points outside the unpacked data");
      }
      copyMatch(unpacked, distance, length);
    }
  }

  private static void copyMatch(ByteBuffer unpacked, int distance, int length) {
    int to = unpacked.position();
    int from = to - distance;
    int done = 0;
    while (done < length) {
      // The source may overlap the target: each round doubles the length that can be copied at
      // once.
      int count = Math.min(length - done, distance + done);
      unpacked.put(to + done, unpacked, from, count);
      done += count;
    }
    unpacked.position(to + length);
  }

  private static int length(int start, ByteBuffer block) throws IOException {
    int length = start;
    if (start == LENGTH_CONTINUES) {
      int more;
      do {
        if (!block.hasRemaining() || length > Integer.MAX_VALUE - 512) {
          throw new IOException("an lz4 length ends beyond its block");
        }
        more = block.get() & 0xff;
        length += more;
      } while (more == 0xff);
    }
    return length;
  }
}
