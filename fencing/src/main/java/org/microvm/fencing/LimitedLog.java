package org.microvm.fencing;

import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** The log of one guest's requests, with a limited number of lines. For one thread. */
final class LimitedLog {
  /** Lines a minute. */
  static final int LINES = 30;

  private static final long MINUTE = TimeUnit.MINUTES.toNanos(1);

  private final String guest;
  private final Consumer<String> log;
  private long since = System.nanoTime();
  private int lines;

  LimitedLog(String guest, Consumer<String> log) {
    this.guest = guest;
    this.log = log;
  }

  void line(String text) {
    long now = System.nanoTime();
    if (now - since > MINUTE) {
      since = now;
      lines = 0;
    }
    lines++;
    if (lines < LINES) {
      log.accept(guest + ": " + text);
    } else if (lines == LINES) {
      log.accept(guest + ": its further requests of this minute are not logged");
    }
  }
}
