package org.microvm.devices.virtio.blk;

import org.microvm.linux.IovecArray;

/**
 * The storage of a disk's bytes. Called by one worker thread at a time; calls may block.
 *
 * <p>Every call returns a negative errno if it fails.
 */
public interface BlkBackend extends AutoCloseable {
  /** {@return the size in bytes; the guest does not see bytes beyond the last whole sector} */
  long size();

  /**
   * Reads into the ranges.
   *
   * @param target mapped memory that receives the bytes
   * @param offset position of the first byte on the disk, in bytes
   * @return number of bytes read, which may be fewer than requested; or a negative errno
   */
  long read(IovecArray target, long offset);

  /**
   * Writes the ranges.
   *
   * @param source mapped memory with the bytes
   * @param offset position of the first byte on the disk, in bytes
   * @return number of bytes written, which may be fewer than requested; or a negative errno
   */
  long write(IovecArray source, long offset);

  /**
   * Flushes all writes to stable storage.
   *
   * @return 0 or a negative errno
   */
  long flush();

  @Override
  void close();
}
