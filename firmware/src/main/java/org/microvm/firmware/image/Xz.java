package org.microvm.firmware.image;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import org.tukaani.xz.MemoryLimitException;
import org.tukaani.xz.SingleXZInputStream;

/** xz as Linux uses it: LZMA2 with the x86 filter (Documentation/staging/xz.rst). */
final class Xz {
  private Xz() {}

  /** Unpacks one xz stream. */
  static void unpack(ByteBuffer packed, ByteBuffer unpacked) throws IOException {
    Runtime runtime = Runtime.getRuntime();
    long free = runtime.maxMemory() - runtime.totalMemory() + runtime.freeMemory();
    unpack(packed, unpacked, (int) Math.min(free >> 10, Integer.MAX_VALUE));
  }

  /**
   * Unpacks one xz stream.
   *
   * @param heapKib the most KiB of Java heap that the dictionary may take: a stream can ask for up
   *     to 4 GiB, Linux asks for 32 MiB, newer versions for 128 MiB
   */
  static void unpack(ByteBuffer packed, ByteBuffer unpacked, int heapKib) throws IOException {
    try (InputStream stream = new SingleXZInputStream(Streams.of(packed), heapKib)) {
      Streams.fill(stream, unpacked);
    } catch (MemoryLimitException e) {
      throw new IOException(
          "its xz dictionary needs %d KiB of Java heap, %d KiB are free (raise -Xmx)"
              .formatted(e.getMemoryNeeded(), heapKib),
          e);
    }
  }
}
