package org.microvm.devices.virtio.blk;

import java.io.IOException;
import java.nio.file.Path;
import org.microvm.linux.AdvisoryLock;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.IovecArray;
import org.microvm.linux.SparseFile;

/**
 * A raw image: a file or a block device of the host, read and written directly from and to guest
 * RAM.
 */
public final class DiskFile implements BlkBackend {
  private final Fd file;
  private final long size;

  private DiskFile(Fd file, long size) {
    this.file = file;
    this.size = size;
  }

  /**
   * Opens an image and locks it while it is open: exclusively, or shared with other readers if it
   * is read-only. A block device that the guest may write is not opened while the host uses it, for
   * example as a mounted file system.
   *
   * @param path a file or a block device
   * @param readOnly whether to open it only for reading
   * @return the open image, which the caller closes
   * @throws IOException if it cannot be opened, is neither a file nor a block device, or another
   *     process holds the lock
   */
  public static DiskFile open(Path path, boolean readOnly) throws IOException {
    boolean unused = DiskImage.isBlockDevice(path) && !readOnly;
    Fd file = file(path, readOnly ? Fd.READ_ONLY : Fd.READ_WRITE, unused ? Fd.EXCLUSIVE : 0);
    try {
      if (!AdvisoryLock.tryLock(
          file, readOnly ? AdvisoryLock.Mode.SHARED : AdvisoryLock.Mode.EXCLUSIVE)) {
        throw new IOException(path + " is in use by another process");
      }
      return new DiskFile(file, file.size());
    } catch (IOException | RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  private static Fd file(Path path, int... flags) throws IOException {
    try {
      return Fd.open(path, flags);
    } catch (ErrnoException e) {
      throw new IOException(
          "disk %s cannot be opened: %s (%s)"
              .formatted(path, Errno.name(e.errno()), Errno.describe(e.errno())),
          e);
    }
  }

  /**
   * Checks that the image is a disk: that it has a sector, and that it is not an image of a format
   * that a guest would write over. A format that a guest can read as a raw disk is only logged as a
   * warning.
   *
   * @param path of the image, for messages
   * @param use how the guest uses it
   * @throws IOException if it must not be given to the guest, or cannot be read
   */
  public void check(Path path, DiskUse use) throws IOException {
    DiskImage.check(file, size, path, use);
  }

  /**
   * Opens an image for writing without locking it, because another process still uses it. Call
   * {@link #lock} before writing.
   *
   * @param path a file or a block device
   * @return the open image, which the caller closes
   * @throws IOException if it cannot be opened, or is neither a file nor a block device
   */
  public static DiskFile openUnlocked(Path path) throws IOException {
    DiskImage.isBlockDevice(path);
    Fd file = file(path, Fd.READ_WRITE);
    try {
      return new DiskFile(file, file.size());
    } catch (IOException | RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  /**
   * Locks the image exclusively.
   *
   * @return true if this process holds the lock; false if another process holds one
   * @throws IOException if the image is closed or its file system has no locks
   */
  public boolean lock() throws IOException {
    return AdvisoryLock.tryLock(file, AdvisoryLock.Mode.EXCLUSIVE);
  }

  /**
   * Releases the lock; the image must not be read or written after that.
   *
   * @throws IOException if the image is closed or its file system has no locks
   */
  public void unlock() throws IOException {
    AdvisoryLock.unlock(file);
  }

  @Override
  public long size() {
    return size;
  }

  @Override
  public long read(IovecArray target, long offset) {
    return file.preadv(target, offset);
  }

  @Override
  public long write(IovecArray source, long offset) {
    return file.pwritev(source, offset);
  }

  @Override
  public long discard(long offset, long length) {
    return SparseFile.punchHole(file, offset, length);
  }

  @Override
  public long writeZeroes(long offset, long length, boolean unmap) {
    long result = unmap ? SparseFile.punchHole(file, offset, length) : -Errno.EOPNOTSUPP;
    return result == -Errno.EOPNOTSUPP ? SparseFile.zeroRange(file, offset, length) : result;
  }

  @Override
  public long flush() {
    return file.sync();
  }

  @Override
  public void close() {
    file.close();
  }
}
