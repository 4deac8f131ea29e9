package org.microvm.cli;

import java.io.FilterInputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.microvm.linux.Fd;
import org.microvm.linux.Terminal;

/**
 * A line on standard error with the bytes that were moved, while a transfer takes over a second;
 * only if standard error is a terminal.
 */
final class TransferProgress {
  private static final long PERIOD = TimeUnit.MILLISECONDS.toNanos(500);

  private final boolean shown;
  private final AtomicLong moved = new AtomicLong();
  private final long start = System.nanoTime();
  private long next = start + 2 * PERIOD;
  private boolean printed;

  private TransferProgress(boolean shown) {
    this.shown = shown;
  }

  /** For a transfer whose output is not on this terminal. */
  static TransferProgress unlessOnTerminal() {
    try (Fd output = Fd.standardOutput();
        Fd errors = Fd.standardError()) {
      return new TransferProgress(Terminal.isTerminal(errors) && !Terminal.isTerminal(output));
    }
  }

  /** For a transfer that writes nothing else. */
  static TransferProgress ofCopy() {
    try (Fd errors = Fd.standardError()) {
      return new TransferProgress(Terminal.isTerminal(errors));
    }
  }

  /** Returns a stream that counts what is read; null for null. */
  InputStream counting(InputStream stream) {
    return stream == null
        ? null
        : new FilterInputStream(stream) {
          @Override
          public int read(byte[] bytes, int offset, int length) throws IOException {
            int count = in.read(bytes, offset, length);
            add(Math.max(count, 0));
            return count;
          }
        };
  }

  /** Returns a stream that counts what is written. */
  OutputStream counting(OutputStream stream) {
    return new FilterOutputStream(stream) {
      @Override
      public void write(byte[] bytes, int offset, int length) throws IOException {
        out.write(bytes, offset, length);
        add(length);
      }
    };
  }

  /** Returns a stream that removes the line before it writes. */
  OutputStream clearing(OutputStream stream) {
    return new FilterOutputStream(stream) {
      @Override
      public void write(byte[] bytes, int offset, int length) throws IOException {
        end();
        out.write(bytes, offset, length);
      }
    };
  }

  private void add(long bytes) {
    long all = moved.addAndGet(bytes);
    if (shown) {
      print(all);
    }
  }

  private synchronized void print(long bytes) {
    long now = System.nanoTime();
    if (now - next < 0) {
      return;
    }
    next = now + PERIOD;
    if (!StatusLine.isShown()) {
      // A job in the background leaves the terminal alone.
      return;
    }
    printed = true;
    double seconds = (now - start) / 1e9;
    double mebibytes = bytes / 1048576.0;
    System.err.printf("%s%.1f MiB, %.1f MiB/s", StatusLine.CLEAR, mebibytes, mebibytes / seconds);
    System.err.flush();
  }

  /** Removes the line. */
  synchronized void end() {
    if (printed) {
      printed = false;
      StatusLine.clear();
    }
  }
}
