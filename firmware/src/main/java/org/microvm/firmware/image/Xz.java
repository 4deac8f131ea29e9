package org.microvm.firmware.image;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import org.tukaani.xz.MemoryLimitException;
import org.tukaani.xz.SingleXZInputStream;

/** xz as Linux uses it: LZMA2 behind the x86 filter. */
final class Xz {
  private Xz() {}

  /** Unpacks one xz stream; its dictionary, up to 128 MiB, is on the Java heap. */
  static void unpack(ByteBuffer packed, ByteBuffer unpacked) throws IOException {
    Runtime runtime = Runtime.getRuntime();
    long free = runtime.maxMemory() - runtime.totalMemory() + runtime.freeMemory();
    int limit = (int) Math.min(free >> 10, Integer.MAX_VALUE);
    try (InputStream stream = new SingleXZInputStream(Streams.of(packed), limit)) {
      Streams.fill(stream, unpacked);
    } catch (MemoryLimitException e) {
      throw new IOException(
          "its xz dictionary needs %d MiB of Java heap, %d MiB are free (raise -Xmx)"
              .formatted(e.getMemoryNeeded() >> 10, limit >> 10),
          e);
    }
  }
}
