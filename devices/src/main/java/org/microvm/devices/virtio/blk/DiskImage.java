package org.microvm.devices.virtio.blk;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Checks that a file is the plain bytes of a disk, before a guest reads or writes it. */
final class DiskImage {
  private static final Logger LOG = LoggerFactory.getLogger(DiskImage.class);

  /** File types of {@code st_mode}, inode(7). */
  private static final int TYPE = 0170000;

  private static final int REGULAR = 0100000;
  private static final int BLOCK_DEVICE = 0060000;
  private static final int DIRECTORY = 0040000;
  private static final int CHARACTER_DEVICE = 0020000;
  private static final int FIFO = 0010000;
  private static final int SOCKET = 0140000;

  private DiskImage() {}

  /**
   * Checks the type of a file before it is opened, which may have effects: a FIFO waits, and some
   * devices act.
   *
   * @return whether it is a block device
   * @throws IOException if it is neither a file nor a block device
   */
  static boolean isBlockDevice(Path path) throws IOException {
    int type = type(path);
    if (type == REGULAR || type == BLOCK_DEVICE) {
      return type == BLOCK_DEVICE;
    }
    String what =
        switch (type) {
          case DIRECTORY -> "a directory";
          case CHARACTER_DEVICE -> "a character device";
          case FIFO -> "a FIFO";
          case SOCKET -> "a socket";
          default -> "of an unknown type";
        };
    throw new IOException("%s is %s; a disk is a file or a block device".formatted(path, what));
  }

  private static int type(Path path) throws IOException {
    try {
      return (int) Files.getAttribute(path, "unix:mode") & TYPE;
    } catch (FileSystemException e) {
      return REGULAR; // Opening it fails as well, and says why.
    }
  }

  /**
   * Checks the content of an open image.
   *
   * @param path for messages
   * @param use how the guest uses it
   * @throws IOException if it has no sector, is not a raw image, or cannot be read
   */
  static void check(Fd file, long size, Path path, DiskUse use) throws IOException {
    Optional<ImageFormat> format = use.raw() ? Optional.empty() : format(file, size);
    if (format.isPresent() && !use.readOnly()) {
      throw refusal(path, format.get());
    }
    if (size < BlkRequest.SECTOR) {
      throw new IOException(
          "%s has %d bytes; a disk has at least one sector of 512".formatted(path, size));
    }
    if (size % BlkRequest.SECTOR != 0) {
      LOG.warn(
          "{} is not a whole number of sectors of 512 bytes: the guest does not see the last {}"
              + " bytes",
          path,
          size % BlkRequest.SECTOR);
    }
    if (format.isPresent() && !format.get().isReadable()) {
      LOG.warn(
          "{} is {}, and the guest sees it as a raw disk (set format=raw to suppress this warning)",
          path,
          format.get().description());
    }
  }

  private static Optional<ImageFormat> format(Fd file, long size) throws IOException {
    return ImageFormat.of(
        read(file, 0, Math.min(size, ImageFormat.HEAD_BYTES)),
        read(file, Math.max(0, size - ImageFormat.TAIL_BYTES), ImageFormat.TAIL_BYTES));
  }

  private static IOException refusal(Path path, ImageFormat format) {
    return new IOException(
        "%s is %s, which a guest would overwrite: %s, or set format=raw (in Java DiskConfig.asRaw) to"
                .formatted(path, format.description(), remedy(path, format))
            + " use it as a raw disk");
  }

  private static String remedy(Path path, ImageFormat format) {
    return switch (format) {
      case QCOW2, QCOW, QED, VMDK, VHD, VHDX, VDI, PARALLELS, BOCHS, CLOOP, DMG ->
          "convert it (qemu-img convert -O raw %s disk.img)".formatted(path.getFileName());
      case ANDROID -> "convert it (simg2img %s disk.img)".formatted(path.getFileName());
      case SPARSE_IMAGE, WIM, EWF, RAW_CD -> "convert it to the plain bytes of a disk";
      case GZIP,
          XZ,
          ZSTD,
          BZIP2,
          LZ4,
          LZIP,
          LZOP,
          LZMA,
          COMPRESS,
          ZIP,
          SEVEN_ZIP,
          RAR,
          TAR,
          CPIO,
          AR,
          RPM,
          CABINET,
          XAR ->
          "unpack it";
      case LUKS, ISO -> "make it read-only (readonly=on)";
    };
  }

  private static byte[] read(Fd file, long offset, long length) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(length);
      long count = 0;
      while (count < length) {
        long result = file.pread(buffer.asSlice(count), offset + count);
        if (result < 0 && result != -Errno.EINTR) {
          throw new ErrnoException("read " + file, (int) -result, "");
        }
        if (result == 0) {
          break;
        }
        count += Math.max(0, result);
      }
      return buffer.asSlice(0, count).toArray(ValueLayout.JAVA_BYTE);
    }
  }
}
