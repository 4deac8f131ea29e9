package org.microvm.machine.transfer;

import org.microvm.linux.PlainText;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Logs refused connections, a limited number of them each minute. Thread-safe. */
final class RefusalLog {
  private static final Logger LOG = LoggerFactory.getLogger(RefusalLog.class);
  private static final int MAX_LINES = 5;
  private static final long PERIOD_NANOS = 60_000_000_000L;

  private long periodStart = System.nanoTime();
  private int lines;
  private long unlogged;

  /** Logs that a connection was refused, unless there are too many. */
  synchronized void log(String reason) {
    // It may contain names of the peer's certificate, and the log may be a terminal.
    String why = PlainText.of(String.valueOf(reason), "");
    long now = System.nanoTime();
    if (now - periodStart > PERIOD_NANOS) {
      periodStart = now;
      lines = 0;
    }
    if (lines == MAX_LINES) {
      unlogged++;
      return;
    }
    lines++;
    if (unlogged > 0) {
      LOG.warn("refused a connection: {} (and {} more that are not logged)", why, unlogged);
      unlogged = 0;
    } else {
      LOG.warn("refused a connection: {}", why);
    }
  }
}
