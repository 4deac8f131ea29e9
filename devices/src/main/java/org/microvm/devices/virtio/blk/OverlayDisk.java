package org.microvm.devices.virtio.blk;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.microvm.linux.Errno;
import org.microvm.linux.FailureText;
import org.microvm.linux.Fd;
import org.microvm.linux.IovecArray;

/**
 * An image that the guest may write and that does not change: what the guest writes goes to a
 * temporary file without a name, which is deleted at the end. A bit for each sector, in the same
 * file, shows whether the sector is there or in the image.
 */
public final class OverlayDisk implements BlkBackend {
  private static final int SECTOR = BlkRequest.SECTOR;

  private final DiskFile base;
  private final Fd written;

  /** The sectors that are in the temporary file. */
  private final OverlayMap present;

  private final IovecArray part = new IovecArray(IovecArray.MAX_CAPACITY);

  private OverlayDisk(DiskFile base, Fd written) {
    this.base = base;
    this.written = written;
    present = new OverlayMap(written, base.size());
  }

  /**
   * Opens an image for reading, with a temporary file in {@link #directory}.
   *
   * @param path a file or a block device
   * @return the disk, which the caller closes
   * @throws IOException if the image cannot be opened, another process writes it, or the temporary
   *     file cannot be created
   */
  public static OverlayDisk open(Path path) throws IOException {
    DiskFile base = DiskFile.open(path, true);
    try {
      return new OverlayDisk(base, temporary(OverlayMap.fileSize(base.size())));
    } catch (FileSystemException e) {
      base.close();
      throw new IOException(
          "cannot create the overlay file of %s in %s (from TMPDIR, otherwise /var/tmp): %s"
              .formatted(path, directory(), FailureText.reason(e)),
          e);
    } catch (IOException | RuntimeException | Error e) {
      base.close();
      throw e;
    }
  }

  /** {@return where the temporary file is: {@code $TMPDIR}, else {@code /var/tmp}, as QEMU's} */
  public static Path directory() {
    String given = System.getenv("TMPDIR");
    return Path.of(given == null || given.isEmpty() ? "/var/tmp" : given);
  }

  private static Fd temporary(long size) throws IOException {
    Path path = Files.createTempFile(directory(), "microvm-overlay-", "");
    try {
      Fd file = Fd.open(path, Fd.READ_WRITE);
      try {
        file.resize(size);
        return file;
      } catch (IOException | RuntimeException | Error e) {
        file.close();
        throw e;
      }
    } finally {
      Files.delete(path);
    }
  }

  /**
   * Checks the image as {@link DiskFile#check} does.
   *
   * @param path of the image, for messages
   * @param use how the guest uses it
   * @throws IOException if it must not be given to the guest, or cannot be read
   */
  public void check(Path path, DiskUse use) throws IOException {
    base.check(path, use);
  }

  @Override
  public long size() {
    return base.size();
  }

  /** Reads up to the first sector that is in the other file. */
  @Override
  public long read(IovecArray target, long offset) {
    long first = offset / SECTOR;
    long own = present.get(first);
    if (own < 0) {
      return own;
    }
    long sectors = present.run(first, Math.ceilDiv(target.bytes(), SECTOR) + 1);
    part.setToPrefix(target, Math.min(target.bytes(), (first + sectors) * SECTOR - offset));
    return own == 1 ? written.preadv(part, offset) : base.read(part, offset);
  }

  /** Writes whole sectors, since a part of one would need its other part from the image. */
  @Override
  public long write(IovecArray source, long offset) {
    long result = written.pwritev(source, offset);
    if (result < 0) {
      return result;
    }
    long sectors = result / SECTOR;
    long noted = present.set(offset / SECTOR, sectors);
    if (noted < 0) {
      return noted;
    }
    return sectors == 0 && source.bytes() > 0 ? -Errno.ENOSPC : sectors * SECTOR;
  }

  /** Does nothing: the temporary file is not used after a power failure. */
  @Override
  public long flush() {
    return 0;
  }

  @Override
  public void close() {
    written.close();
    base.close();
  }
}
