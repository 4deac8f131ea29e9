package org.microvm.devices.virtio.blk;

import java.io.IOException;
import java.nio.file.Path;
import org.microvm.linux.Fd;
import org.microvm.linux.IovecArray;

/**
 * A raw image: a file or a block device of the host, moved to and from guest RAM without a copy.
 */
public final class FileBackend implements BlkBackend {
  private final Fd file;
  private final long size;

  private FileBackend(Fd file, long size) {
    this.file = file;
    this.size = size;
  }

  /**
   * Opens an image and locks it as long as it is open: for this process alone, or with other
   * readers if it is read-only.
   *
   * @throws IOException if it cannot be opened or another process holds the lock
   */
  public static FileBackend open(Path path, boolean readOnly) throws IOException {
    Fd file = Fd.open(path, readOnly ? Fd.READ_ONLY : Fd.READ_WRITE);
    try {
      if (!file.tryLock(!readOnly)) {
        throw new IOException(path + " is in use by another process");
      }
      return new FileBackend(file, file.size());
    } catch (IOException e) {
      file.close();
      throw e;
    }
  }

  /**
   * Opens an image to write it, once it is locked: another process has it yet.
   *
   * @throws IOException if it cannot be opened
   */
  public static FileBackend openUnlocked(Path path) throws IOException {
    Fd file = Fd.open(path, Fd.READ_WRITE);
    try {
      return new FileBackend(file, file.size());
    } catch (IOException e) {
      file.close();
      throw e;
    }
  }

  /**
   * Locks the image for this process alone.
   *
   * @return false if another process holds a lock
   */
  public boolean lock() throws IOException {
    return file.tryLock(true);
  }

  /** Gives the lock up; nothing is to be read or written from now on. */
  public void unlock() throws IOException {
    file.unlock();
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
  public long flush() {
    return file.sync();
  }

  @Override
  public void close() {
    file.close();
  }
}
