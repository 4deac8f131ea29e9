package org.microvm.firmware.image;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/** Bytes that can be read at any position: a file, or an unpacked payload. */
public interface ByteSource extends AutoCloseable {
  /** The number of bytes. */
  long size();

  /**
   * Fills the rest of {@code target}.
   *
   * @throws ImageException if the source cannot be read or ends before {@code target} is full
   */
  void read(long offset, ByteBuffer target) throws ImageException;

  /**
   * Fills {@code target}.
   *
   * @throws ImageException if the source cannot be read or ends before {@code target} is full
   */
  void read(long offset, MemorySegment target) throws ImageException;

  /** Whether the source holds {@code length} bytes from {@code offset}, both unsigned. */
  default boolean holds(long offset, long length) {
    return Long.compareUnsigned(length, size()) <= 0
        && Long.compareUnsigned(offset, size() - length) <= 0;
  }

  @Override
  void close();
}
