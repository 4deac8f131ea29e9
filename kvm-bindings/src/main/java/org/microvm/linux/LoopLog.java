package org.microvm.linux;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Logs the failures of an {@link EventLoop}'s handlers and turns. A failure does not end the loop,
 * so a message that cannot be logged, for instance for lack of memory, must not end it either.
 */
final class LoopLog {
  private static final Logger LOG = LoggerFactory.getLogger(EventLoop.class);

  private LoopLog() {}

  /** Logs an error if that is possible; arguments as for {@link Logger#error}. */
  static void error(String format, Object... arguments) {
    try {
      LOG.error(format, arguments);
    } catch (RuntimeException | Error noLog) {
      // There is no other place to report it.
    }
  }
}
