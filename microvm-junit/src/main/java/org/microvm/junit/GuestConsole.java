package org.microvm.junit;

import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * What a guest has said on its console, the last {@value #MOST} characters of it.
 *
 * <p>Any thread may call.
 */
final class GuestConsole extends OutputStream {
  /** A guest may talk for ever. */
  static final int MOST = 1 << 20;

  private final StringBuilder text = new StringBuilder();

  /** How many characters were dropped at the beginning. */
  private long dropped;

  @Override
  public synchronized void write(byte[] bytes, int offset, int length) {
    // One byte a character: UTF-8 may come in pieces, and a console need not be text at all.
    text.append(new String(bytes, offset, length, StandardCharsets.ISO_8859_1));
    int surplus = text.length() - MOST;
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

  /** How much there has been so far, to wait for what comes next. */
  synchronized long length() {
    return dropped + text.length();
  }

  /**
   * Waits until the guest has said the words.
   *
   * @param from how much of the text does not count, as {@link #length} said it
   */
  synchronized void await(String words, long from, Duration limit)
      throws InterruptedException, TimeoutException {
    long deadline = System.nanoTime() + limit.toNanos();
    while (text.indexOf(words, (int) Math.max(from - dropped, 0)) < 0) {
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        throw new TimeoutException("the guest did not say '%s' within %s".formatted(words, limit));
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
