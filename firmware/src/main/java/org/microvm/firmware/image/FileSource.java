package org.microvm.firmware.image;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;

/**
 * A file, read by {@code pread} straight into its target, guest RAM included.
 *
 * <p>Not mapped: that is slower for bytes that are read once, and a file that is truncated
 * meanwhile would be a SIGBUS instead of an error.
 */
public final class FileSource implements ByteSource {
  /** Bytes to ask for at once: a ByteBuffer ends at 2 GiB, and so does Linux's read. */
  private static final long CHUNK = 1 << 30;

  private final FileChannel channel;
  private final long size;

  private FileSource(FileChannel channel, long size) {
    this.channel = channel;
    this.size = size;
  }

  /**
   * Opens a regular file.
   *
   * @throws ImageException if that fails; the message does not name the file
   */
  public static FileSource open(Path path) throws ImageException {
    try {
      // Before opening: a FIFO would block there.
      BasicFileAttributes attributes = Files.readAttributes(path, BasicFileAttributes.class);
      if (!attributes.isRegularFile()) {
        throw new ImageException(
            attributes.isDirectory() ? "is a directory" : "is not a regular file");
      }
      return new FileSource(FileChannel.open(path, StandardOpenOption.READ), attributes.size());
    } catch (NoSuchFileException e) {
      throw new ImageException("no such file", e);
    } catch (AccessDeniedException e) {
      throw new ImageException("permission denied", e);
    } catch (IOException e) {
      throw new ImageException(e.getMessage(), e);
    }
  }

  @Override
  public long size() {
    return size;
  }

  @Override
  public void read(long offset, ByteBuffer target) throws ImageException {
    long position = offset;
    try {
      while (target.hasRemaining()) {
        int count = channel.read(target, position);
        if (count < 0) {
          throw new ImageException("ends at byte " + position + ", more was expected");
        }
        position += count;
      }
    } catch (IOException e) {
      throw new ImageException(e.getMessage(), e);
    }
  }

  @Override
  public void read(long offset, MemorySegment target) throws ImageException {
    long length = target.byteSize();
    for (long done = 0; done < length; done += CHUNK) {
      long count = Math.min(CHUNK, length - done);
      read(offset + done, target.asSlice(done, count).asByteBuffer());
    }
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      // It was only read from: nothing is lost.
    }
  }
}
