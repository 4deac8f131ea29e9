package org.microvm.firmware.image;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.concurrent.locks.ReentrantLock;
import org.tukaani.xz.MemoryLimitException;
import org.tukaani.xz.SingleXZInputStream;

/** xz as Linux uses it: LZMA2 with the x86 filter (Documentation/staging/xz.rst). */
final class Xz {
  private Xz() {}

  /**
   * Held while a stream is unpacked: the guests of one process may start at the same time, and heap
   * that is enough for one dictionary is not enough for several.
   */
  private static final ReentrantLock TURN = new ReentrantLock(true);

  /** Unpacks one xz stream, after those that other threads are unpacking. */
  static void unpack(ByteBuffer packed, ByteBuffer unpacked) throws IOException {
    TURN.lock();
    try {
      read(packed.duplicate(), unpacked, freeKib());
    } catch (MemoryLimitException e) {
      // The dictionary of an earlier kernel takes heap until it is collected.
      System.gc();
      unpack(packed, unpacked, freeKib());
    } finally {
      TURN.unlock();
    }
  }

  private static int freeKib() {
    Runtime runtime = Runtime.getRuntime();
    long free = runtime.maxMemory() - runtime.totalMemory() + runtime.freeMemory();
    return (int) Math.min(free >> 10, Integer.MAX_VALUE);
  }

  /**
   * Unpacks one xz stream.
   *
   * @param heapKib the most KiB of Java heap that the dictionary may take: a stream can ask for up
   *     to 4 GiB, Linux asks for 32 MiB, newer versions for 128 MiB
   */
  static void unpack(ByteBuffer packed, ByteBuffer unpacked, int heapKib) throws IOException {
    try {
      read(packed, unpacked, heapKib);
    } catch (MemoryLimitException e) {
      throw new IOException(
          "its xz dictionary needs %d KiB of Java heap, %d KiB are free (raise -Xmx)"
              .formatted(e.getMemoryNeeded(), heapKib),
          e);
    }
  }

  private static void read(ByteBuffer packed, ByteBuffer unpacked, int heapKib) throws IOException {
    try (InputStream stream = new SingleXZInputStream(Streams.of(packed), heapKib)) {
      Streams.fill(stream, unpacked);
    }
  }
}
