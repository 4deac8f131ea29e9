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
import org.microvm.linux.FailureText;

/**
 * A file, read with {@code pread} directly into its target, which can be guest RAM.
 *
 * <p>It is not mapped, because that is slower for bytes that are read once, and because a file that
 * is truncated meanwhile would cause a SIGBUS instead of an error.
 */
public final class FileSource implements ByteSource {
  /** Bytes per read: both a ByteBuffer and Linux's read are limited to 2 GiB. */
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
   * @throws ImageException if the file cannot be opened; the message does not name it
   */
  public static FileSource open(Path path) throws ImageException {
    try {
      // Checked before opening, because opening a FIFO would block.
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
      throw new ImageException(FailureText.of(e), e);
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
          throw new ImageException("is truncated: it ends at byte " + position);
        }
        position += count;
      }
    } catch (IOException e) {
      throw new ImageException(FailureText.of(e), e);
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
      // The file was only read, so nothing is lost.
    }
  }
}
