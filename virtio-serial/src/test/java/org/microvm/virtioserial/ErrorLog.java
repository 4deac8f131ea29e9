package org.microvm.virtioserial;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.slf4j.ILoggerFactory;
import org.slf4j.IMarkerFactory;
import org.slf4j.Marker;
import org.slf4j.event.Level;
import org.slf4j.helpers.BasicMarkerFactory;
import org.slf4j.helpers.LegacyAbstractLogger;
import org.slf4j.helpers.MessageFormatter;
import org.slf4j.helpers.NOPMDCAdapter;
import org.slf4j.spi.MDCAdapter;
import org.slf4j.spi.SLF4JServiceProvider;

/**
 * Records log messages of level error, so that a test sees exceptions on the event loop, which are
 * logged there.
 */
public final class ErrorLog implements SLF4JServiceProvider {
  private static final List<String> ERRORS = new CopyOnWriteArrayList<>();

  private final IMarkerFactory markers = new BasicMarkerFactory();
  private final MDCAdapter context = new NOPMDCAdapter();

  /** Returns the errors that were logged since the last call. */
  static List<String> takeErrors() {
    List<String> all = List.copyOf(ERRORS);
    ERRORS.removeAll(all);
    return all;
  }

  @Override
  public ILoggerFactory getLoggerFactory() {
    return Errors::new;
  }

  @Override
  public IMarkerFactory getMarkerFactory() {
    return markers;
  }

  @Override
  public MDCAdapter getMDCAdapter() {
    return context;
  }

  @Override
  public String getRequestedApiVersion() {
    return "2.0";
  }

  @Override
  public void initialize() {}

  private static final class Errors extends LegacyAbstractLogger {
    private static final long serialVersionUID = 1L;

    Errors(String name) {
      this.name = name;
    }

    @Override
    protected void handleNormalizedLoggingCall(
        Level level, Marker marker, String message, Object[] arguments, Throwable cause) {
      StringBuilder text = new StringBuilder(name).append(": ");
      text.append(MessageFormatter.basicArrayFormat(message, arguments));
      for (Throwable t = cause; t != null; t = t.getCause()) {
        text.append("; ").append(t).append(" at ").append(List.of(t.getStackTrace()));
      }
      ERRORS.add(text.toString());
    }

    @Override
    protected String getFullyQualifiedCallerName() {
      return null;
    }

    @Override
    public boolean isTraceEnabled() {
      return false;
    }

    @Override
    public boolean isDebugEnabled() {
      return false;
    }

    @Override
    public boolean isInfoEnabled() {
      return false;
    }

    @Override
    public boolean isWarnEnabled() {
      return false;
    }

    @Override
    public boolean isErrorEnabled() {
      return true;
    }
  }
}
