package org.microvm.machine;

import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Pattern;

/** Collects a guest's console output; a test can wait for text in it. */
public final class ConsoleText extends OutputStream {
  private final StringBuilder text = new StringBuilder();

  @Override
  public synchronized void write(byte[] bytes, int offset, int length) {
    text.append(new String(bytes, offset, length, StandardCharsets.ISO_8859_1));
    notifyAll();
  }

  @Override
  public void write(int value) {
    write(new byte[] {(byte) value}, 0, 1);
  }

  /** Waits until the output contains the text. */
  public void await(String words, long seconds) throws InterruptedException, TimeoutException {
    await(words, 1, seconds);
  }

  /** Waits until the output contains the text the given number of times. */
  public synchronized void await(String words, int times, long seconds)
      throws InterruptedException, TimeoutException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
    while (text.toString().split(Pattern.quote(words), -1).length <= times) {
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        throw new TimeoutException(
            "the guest did not print '" + words + "' in time; its output: " + text);
      }
      TimeUnit.NANOSECONDS.timedWait(this, left);
    }
  }

  @Override
  public synchronized String toString() {
    return text.toString();
  }
}
