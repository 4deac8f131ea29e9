package org.microvm.cli;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.ThrowableProxyUtil;
import ch.qos.logback.core.LayoutBase;

/**
 * Formats a log event as text: time, level, thread, class and message, and the stack trace if there
 * is one. Control characters are replaced, because a guest or a peer determines parts of messages,
 * and a terminal would interpret them. This is code and not a logback pattern, because a pattern
 * takes longer to set up than everything else that a start logs.
 */
final class LogLine extends LayoutBase<ILoggingEvent> {
  @Override
  public String doLayout(ILoggingEvent event) {
    String logger = event.getLoggerName();
    String line =
        "%s %-5s [%s] %s: %s\n"
            .formatted(
                event.getInstant(),
                event.getLevel(),
                event.getThreadName(),
                logger.substring(logger.lastIndexOf('.') + 1),
                event.getFormattedMessage());
    return GuestText.plainLines(
        event.getThrowableProxy() == null
            ? line
            : line + ThrowableProxyUtil.asString(event.getThrowableProxy()));
  }
}
