package org.microvm.agent;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/**
 * A file of the host that a copy is written to. Failures name the path that the caller gave, with a
 * reason: the JDK names the temporary file, or no file at all.
 */
final class HostFile extends FilterOutputStream {
  /** Part of a UUID, and not of the target's name, because file names have at most 255 bytes. */
  private static final int RANDOM = 8;

  private final Path target;

  /** Opens a stream. */
  @FunctionalInterface
  interface Opening {
    OutputStream open() throws IOException;
  }

  private HostFile(Path target, OutputStream output) {
    super(output);
    this.target = target;
  }

  /** Returns the path of a temporary file in the directory of another one. */
  static Path beside(Path file) {
    return file.resolveSibling(".cp-" + UUID.randomUUID().toString().substring(0, RANDOM));
  }

  /** Opens an existing file. */
  static OutputStream existing(Path target) throws IOException {
    return named(target, () -> Files.newOutputStream(target, StandardOpenOption.WRITE));
  }

  /** Opens a stream whose failures are those of the target. */
  static OutputStream named(Path target, Opening opening) throws IOException {
    try {
      return new HostFile(target, opening.open());
    } catch (AgentException e) {
      throw e;
    } catch (IOException e) {
      throw failure(target, e);
    }
  }

  /** Moves the finished file to its place. */
  static void move(Path partial, Path real, Path target) throws IOException {
    try {
      Files.move(partial, real, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw failure(target, e);
    }
  }

  private static IOException failure(Path target, IOException e) {
    if (e instanceof InterruptedIOException || e instanceof ClosedByInterruptException) {
      return e;
    }
    String reason =
        switch (e) {
          case NoSuchFileException _ -> "no such directory";
          case NotDirectoryException _ -> "not in a directory";
          case AccessDeniedException _ -> "permission denied";
          case FileSystemException file when file.getReason() != null -> file.getReason();
          default -> e.getMessage();
        };
    return new IOException(target + ": " + reason, e);
  }

  @Override
  public void write(int one) throws IOException {
    write(new byte[] {(byte) one}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int offset, int length) throws IOException {
    try {
      out.write(bytes, offset, length);
    } catch (IOException e) {
      throw failure(target, e);
    }
  }

  @Override
  public void close() throws IOException {
    try {
      out.close();
    } catch (IOException e) {
      throw failure(target, e);
    }
  }
}
