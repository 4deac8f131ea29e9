package org.microvm.devices.virtio.blk;

import org.microvm.linux.IovecArray;

/**
 * The storage of a disk's bytes. Called by one worker thread at a time; calls may block.
 *
 * <p>Every call returns a negative errno if it fails.
 */
public interface BlkBackend extends AutoCloseable {
  /** Size in bytes; the guest does not see bytes beyond the last whole sector. */
  long size();

  /**
   * Reads into the ranges.
   *
   * @return number of bytes read, which may be fewer than requested
   */
  long read(IovecArray target, long offset);

  /**
   * Writes the ranges.
   *
   * @return number of bytes written, which may be fewer than requested
   */
  long write(IovecArray source, long offset);

  /** Flushes all writes to stable storage; returns 0 or a negative errno. */
  long flush();

  @Override
  void close();
}
