package org.microvm.devices.virtio.blk;

import org.microvm.linux.IovecArray;

/**
 * What holds the bytes of a disk. Called by one worker thread at a time; may block.
 *
 * <p>Every call returns a negative errno when it fails.
 */
public interface BlkBackend extends AutoCloseable {
  /** Size in bytes; what is beyond the last whole sector is not seen by the guest. */
  long size();

  /**
   * Reads into the ranges.
   *
   * @return bytes read, which may be fewer than asked for
   */
  long read(IovecArray target, long offset);

  /**
   * Writes the ranges.
   *
   * @return bytes written, which may be fewer than asked for
   */
  long write(IovecArray source, long offset);

  /** Puts on stable storage what was written: 0, or a negative errno. */
  long flush();

  @Override
  void close();
}
