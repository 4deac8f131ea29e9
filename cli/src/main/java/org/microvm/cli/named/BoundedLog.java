package org.microvm.cli.named;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import org.microvm.linux.FailureText;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A log file of limited size: when it is full, it becomes the former one, and a new one begins. If
 * it cannot be written, the rest is lost, and the guest continues.
 */
final class BoundedLog extends OutputStream {
  private static final Logger LOG = LoggerFactory.getLogger(BoundedLog.class);

  private final Path file;
  private final long limit;
  private OutputStream out;
  private long size;
  private boolean failed;

  /**
   * @param file is created
   * @param limit size in bytes at which a new file begins
   */
  BoundedLog(Path file, long limit) throws IOException {
    this(file, limit, Files.newOutputStream(file), 0);
  }

  private BoundedLog(Path file, long limit, OutputStream out, long size) {
    this.file = file;
    this.limit = limit;
    this.out = out;
    this.size = size;
  }

  /** Continues the log of another process. */
  static BoundedLog continued(Path file, long limit) throws IOException {
    OutputStream out =
        Files.newOutputStream(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    return new BoundedLog(file, limit, out, Files.size(file));
  }

  /** The file with what was written before the file was full. */
  static Path former(Path file) {
    return file.resolveSibling(file.getFileName() + ".1");
  }

  @Override
  public void write(int value) {
    write(new byte[] {(byte) value}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int offset, int length) {
    if (failed) {
      return;
    }
    try {
      if (size > 0 && size + length > limit) {
        out.close();
        Files.move(file, former(file), StandardCopyOption.REPLACE_EXISTING);
        out = Files.newOutputStream(file);
        size = 0;
      }
      out.write(bytes, offset, length);
      size += length;
    } catch (IOException e) {
      failed = true;
      LOG.warn("{}: {}: the rest of the console is not logged", file, FailureText.of(e));
    }
  }

  @Override
  public void close() throws IOException {
    out.close();
  }
}
