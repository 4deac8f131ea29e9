package org.microvm.firmware.image;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.zip.GZIPInputStream;

/** Unpacks data through Java streams. */
final class Streams {
  private static final int BUFFER = 64 << 10;

  private Streams() {}

  /** Unpacks gzip. */
  static void gzip(ByteBuffer packed, ByteBuffer unpacked) throws IOException {
    try (InputStream stream = new GZIPInputStream(of(packed), BUFFER)) {
      fill(stream, unpacked);
    }
  }

  /**
   * Reads a stream to its end.
   *
   * @throws IOException if the stream has more bytes than fit into {@code target}
   */
  static void fill(InputStream stream, ByteBuffer target) throws IOException {
    byte[] buffer = new byte[BUFFER];
    for (int count = stream.read(buffer); count >= 0; count = stream.read(buffer)) {
      if (count > target.remaining()) {
        throw new IOException("it unpacks to more than the stated " + target.limit() + " bytes");
      }
      target.put(buffer, 0, count);
    }
  }

  /** Returns a stream of the buffer's remaining bytes. */
  static InputStream of(ByteBuffer buffer) {
    return new InputStream() {
      @Override
      public int read() {
        return buffer.hasRemaining() ? buffer.get() & 0xff : -1;
      }

      @Override
      public int read(byte[] target, int offset, int length) {
        if (length == 0) {
          return 0;
        }
        int count = Math.min(length, buffer.remaining());
        buffer.get(target, offset, count);
        return count == 0 ? -1 : count;
      }

      @Override
      public int available() {
        return buffer.remaining();
      }
    };
  }
}
