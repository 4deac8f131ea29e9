package org.microvm.linux;

import org.microvm.bindings.Linux;
import org.microvm.syscall.Syscalls;

/** The holes and data of a file: fallocate(2), and lseek(2) with SEEK_DATA and SEEK_HOLE. */
public final class SparseFile {
  /** From linux/fs.h, which the generated bindings do not have. */
  private static final int SEEK_DATA = 3;

  private static final int SEEK_HOLE = 4;

  private SparseFile() {}

  /**
   * Frees the blocks of a range, which then reads as zeros. The file keeps its size.
   *
   * @param file the file
   * @param offset position of the first byte in the file
   * @param length in bytes, positive
   * @return 0, or {@code -errno}; {@code -EOPNOTSUPP} if the file has no holes, or none at this
   *     range
   */
  public static long punchHole(Fd file, long offset, long length) {
    int mode = Linux.FALLOC_FL_PUNCH_HOLE() | Linux.FALLOC_FL_KEEP_SIZE();
    return fallocate(file, mode, offset, length);
  }

  /**
   * Makes a range read as zeros and keeps its blocks and the file's size.
   *
   * @param file the file
   * @param offset position of the first byte in the file
   * @param length in bytes, positive
   * @return 0, or {@code -errno}; {@code -EOPNOTSUPP} if the file cannot do this, or not at this
   *     range
   */
  public static long zeroRange(Fd file, long offset, long length) {
    int mode = Linux.FALLOC_FL_ZERO_RANGE() | Linux.FALLOC_FL_KEEP_SIZE();
    return fallocate(file, mode, offset, length);
  }

  private static long fallocate(Fd file, int mode, long offset, long length) {
    return supported(file.with(fd -> Syscalls.fallocate(fd, mode, offset, length)));
  }

  /**
   * Maps all errors that mean "not supported" to EOPNOTSUPP. A block device returns EINVAL for a
   * range that is not whole sectors of its own (blkdev_fallocate in block/fops.c), and ENODEV if it
   * has no fallocate. FUSE and NFS return ENOSYS.
   */
  static long supported(long result) {
    return switch ((int) -result) {
      case Errno.EINVAL, Errno.ENODEV, Errno.ENOSYS, Errno.ENOTTY -> -Errno.EOPNOTSUPP;
      default -> result;
    };
  }

  /**
   * Finds the next data of a sparse file at or after an offset; moves the file position.
   *
   * @param file the file
   * @param offset where the search begins, in bytes
   * @return the offset of the data; -1 if the rest of the file is a hole
   * @throws ErrnoException if the descriptor is closed or cannot seek
   */
  public static long nextData(Fd file, long offset) throws ErrnoException {
    long result = file.with(fd -> Syscalls.lseek(fd, offset, SEEK_DATA));
    return result == -Errno.ENXIO ? -1 : ErrnoException.check(result, "lseek", file);
  }

  /**
   * Finds the end of the data at an offset: the next hole, or the end of the file. Moves the file
   * position.
   *
   * @param file the file
   * @param offset where the search begins, in bytes; before the end of the file
   * @return the offset of the hole, or the size of the file
   * @throws ErrnoException if the descriptor is closed or cannot seek; ENXIO if the offset is at or
   *     after the end
   */
  public static long nextHole(Fd file, long offset) throws ErrnoException {
    return file.checked("lseek", fd -> Syscalls.lseek(fd, offset, SEEK_HOLE));
  }
}
