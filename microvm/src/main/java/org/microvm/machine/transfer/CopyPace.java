package org.microvm.machine.transfer;

import java.io.InterruptedIOException;
import java.util.concurrent.TimeUnit;

/** Delays the thread that copies memory, so that it does not exceed a speed. */
final class CopyPace {
  private static final double NANOS_PER_SECOND = 1e9;
  private static final int PAGE = 4096;

  /** The approximate number of pauses of a copy per second. */
  private static final int PAUSES = 20;

  private final long bytesPerSecond;
  private long begin;
  private long sent;

  /**
   * @param bytesPerSecond the speed; 0 for no limit
   */
  CopyPace(long bytesPerSecond) {
    this.bytesPerSecond = bytesPerSecond;
  }

  /** Returns how many bytes to send at a time: whole pages. */
  long chunk() {
    return bytesPerSecond == 0
        ? Long.MAX_VALUE / 2
        : Math.max(PAGE, bytesPerSecond / PAUSES / PAGE * PAGE);
  }

  /** Waits until so many more bytes are due at this speed. */
  void sent(long bytes) throws InterruptedIOException {
    if (bytesPerSecond == 0) {
      return;
    }
    long now = System.nanoTime();
    if (sent == 0) {
      begin = now;
    }
    sent += bytes;
    long due = begin + (long) (sent * (NANOS_PER_SECOND / bytesPerSecond));
    try {
      TimeUnit.NANOSECONDS.sleep(due - now);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    }
  }
}
