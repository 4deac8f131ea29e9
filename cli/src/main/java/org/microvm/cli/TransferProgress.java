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

  private final AtomicLong moved = new AtomicLong();
  private final long start = System.nanoTime();
  private volatile boolean begun;
  private boolean printed;
  private boolean over;

  private TransferProgress(boolean shown) {
    if (shown) {
      Thread.ofPlatform().daemon().name("progress").start(this::showAll);
    }
  }

  /** Shows the line also while nothing is moved, because the other end is slow. */
  private void showAll() {
    try {
      while (print()) {
        TimeUnit.NANOSECONDS.sleep(PERIOD);
      }
    } catch (InterruptedException e) {
      // Nothing interrupts this thread.
      Thread.currentThread().interrupt();
    }
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
            begun = true;
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
        clear();
        out.write(bytes, offset, length);
      }
    };
  }

  /** Whether anything has been read from a stream that counts what is read. */
  boolean hasBegun() {
    return begun;
  }

  private void add(long bytes) {
    moved.addAndGet(bytes);
  }

  /** Returns false once the transfer is over. */
  private synchronized boolean print() {
    double seconds = (System.nanoTime() - start) / 1e9;
    double mebibytes = moved.get() / 1048576.0;
    // A job in the background leaves the terminal alone, and a program may have no output at all.
    if (!over && seconds > 1 && mebibytes > 0 && StatusLine.isShown()) {
      printed = true;
      System.err.printf("%s%.1f MiB, %.1f MiB/s", StatusLine.CLEAR, mebibytes, mebibytes / seconds);
      System.err.flush();
    }
    return !over;
  }

  private synchronized void clear() {
    if (printed) {
      printed = false;
      StatusLine.clear();
    }
  }

  /** Removes the line, which is not shown again. */
  synchronized void end() {
    over = true;
    clear();
  }
}
