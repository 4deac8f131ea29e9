package org.microvm.junit;

import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Collects a guest's console output and keeps the last {@value #MAX} characters.
 *
 * <p>Thread-safe.
 */
final class GuestConsole extends OutputStream {
  /** The limit, because a guest may write any amount. */
  static final int MAX = 1 << 20;

  private final StringBuilder text = new StringBuilder();

  /** Number of characters that were dropped at the beginning. */
  private long dropped;

  @Override
  public synchronized void write(byte[] bytes, int offset, int length) {
    // Each byte is kept as one character: UTF-8 sequences may be split, and console output need not
    // be text.
    text.append(new String(bytes, offset, length, StandardCharsets.ISO_8859_1));
    int surplus = text.length() - MAX;
    if (surplus > 0) {
      text.delete(0, surplus);
      dropped += surplus;
    }
    notifyAll();
  }

  @Override
  public void write(int value) {
    write(new byte[] {(byte) value}, 0, 1);
  }

  /** Returns the number of characters written so far, as a start for {@link #await}. */
  synchronized long length() {
    return dropped + text.length();
  }

  /**
   * Waits until the guest has written a text.
   *
   * @param from the position from which the text is searched, an earlier result of {@link #length}
   */
  synchronized void await(String expected, long from, Duration limit)
      throws InterruptedException, TimeoutException {
    long deadline = System.nanoTime() + TimeUnit.NANOSECONDS.convert(limit);
    String bytes =
        new String(expected.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
    while (text.indexOf(bytes, (int) Math.max(from - dropped, 0)) < 0) {
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        throw new TimeoutException(
            "the guest did not write '%s' to its console within %s".formatted(expected, limit));
      }
      TimeUnit.NANOSECONDS.timedWait(this, left);
    }
  }

  @Override
  public synchronized String toString() {
    byte[] bytes = text.toString().getBytes(StandardCharsets.ISO_8859_1);
    return new String(bytes, StandardCharsets.UTF_8);
  }
}
