package org.microvm.cli;

import org.slf4j.Logger;
import org.slf4j.Marker;
import org.slf4j.event.Level;
import org.slf4j.helpers.LegacyAbstractLogger;
import org.slf4j.spi.LoggingEventBuilder;

/** A logger that loads logback on first use. Any thread may log. */
final class DeferredLogger extends LegacyAbstractLogger {
  private static final long serialVersionUID = 1L;

  /**
   * @param name usually that of a class
   */
  DeferredLogger(String name) {
    this.name = name;
  }

  private Logger logback() {
    return CommandLogging.Logback.CONTEXT.getLogger(name);
  }

  @Override
  public boolean isTraceEnabled() {
    return logback().isTraceEnabled();
  }

  @Override
  public boolean isDebugEnabled() {
    return logback().isDebugEnabled();
  }

  @Override
  public boolean isInfoEnabled() {
    return logback().isInfoEnabled();
  }

  @Override
  public boolean isWarnEnabled() {
    return logback().isWarnEnabled();
  }

  @Override
  public boolean isErrorEnabled() {
    return logback().isErrorEnabled();
  }

  @Override
  protected String getFullyQualifiedCallerName() {
    return null;
  }

  @Override
  protected void handleNormalizedLoggingCall(
      Level level, Marker marker, String pattern, Object[] arguments, Throwable cause) {
    LoggingEventBuilder event = logback().atLevel(level).setMessage(pattern).setCause(cause);
    if (arguments != null) {
      for (Object argument : arguments) {
        event = event.addArgument(argument);
      }
    }
    event.log();
  }
}
