package org.microvm.firmware.image;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/** Bytes in native memory, released with the arena that it owns. */
final class MemorySource implements ByteSource {
  private final MemorySegment bytes;
  private final Arena arena;

  MemorySource(MemorySegment bytes, Arena arena) {
    this.bytes = bytes;
    this.arena = arena;
  }

  @Override
  public long size() {
    return bytes.byteSize();
  }

  @Override
  public void read(long offset, ByteBuffer target) throws ImageException {
    read(offset, MemorySegment.ofBuffer(target));
    target.position(target.limit());
  }

  @Override
  public void read(long offset, MemorySegment target) throws ImageException {
    if (!holds(offset, target.byteSize())) {
      throw new ImageException("is truncated: it ends at byte " + size());
    }
    MemorySegment.copy(bytes, offset, target, 0, target.byteSize());
  }

  @Override
  public void close() {
    arena.close();
  }
}
