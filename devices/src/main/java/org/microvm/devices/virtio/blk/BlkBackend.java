package org.microvm.devices.virtio.blk;

import org.microvm.linux.Errno;
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

  /**
   * Gives the blocks of a range back; what the range reads as afterwards is not defined.
   *
   * @param offset position of the first byte on the disk, in bytes
   * @param length in bytes, positive
   * @return 0 or a negative errno, {@code -EOPNOTSUPP} if this storage cannot do it
   */
  default long discard(long offset, long length) {
    return -Errno.EOPNOTSUPP;
  }

  /**
   * Makes a range read as zeros.
   *
   * @param offset position of the first byte on the disk, in bytes
   * @param length in bytes, positive
   * @param unmap whether the blocks of the range may be given back
   * @return 0 or a negative errno, {@code -EOPNOTSUPP} if zeros have to be written
   */
  default long writeZeroes(long offset, long length, boolean unmap) {
    return -Errno.EOPNOTSUPP;
  }

  @Override
  void close();
}
