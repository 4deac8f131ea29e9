package org.microvm.cli;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.util.ContextInitializer;
import ch.qos.logback.classic.util.LogbackMDCAdapter;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.encoder.LayoutWrappingEncoder;
import ch.qos.logback.core.joran.spi.ConsoleTarget;
import ch.qos.logback.core.joran.spi.JoranException;
import org.slf4j.ILoggerFactory;
import org.slf4j.IMarkerFactory;
import org.slf4j.helpers.BasicMarkerFactory;
import org.slf4j.helpers.NOPMDCAdapter;
import org.slf4j.spi.MDCAdapter;
import org.slf4j.spi.SLF4JServiceProvider;

/**
 * How the command logs: on standard error, for standard output is the guest's console, and from the
 * level on that the system property {@code microvm.log} names, else from {@code INFO} on. A file
 * that {@code logback.configurationFile} names has the last word.
 *
 * <p>Logback comes with the first message, of which most runs have none: to find it and its
 * configuration takes 20 ms of a start. A program that uses this project as a library has its own
 * ways; nothing of this is in use there.
 */
public final class CommandLogging implements SLF4JServiceProvider {
  private static final String LEVEL = "microvm.log";
  private static final String FILE = "logback.configurationFile";

  /** Where SLF4J's API finds who serves it (org.slf4j.LoggerFactory), and what it tells of that. */
  private static final String PROVIDER = "slf4j.provider";

  private static final String VERBOSITY = "slf4j.internal.verbosity";

  /** The version of the API that it has to be asked for with. */
  private static final String API = "2.0.99";

  private final IMarkerFactory markers = new BasicMarkerFactory();
  private final MDCAdapter context = new NOPMDCAdapter();

  /** Made by SLF4J. */
  public CommandLogging() {}

  /** Has this process log so, before its first logger. */
  static void begin() {
    System.setProperty(PROVIDER, CommandLogging.class.getName());
    System.setProperty(VERBOSITY, "WARN");
  }

  /** Logback's side, for the first message. */
  static final class Logback {
    static final LoggerContext CONTEXT = make();

    private Logback() {}

    private static LoggerContext make() {
      LoggerContext context = new LoggerContext();
      context.setMDCAdapter(new LogbackMDCAdapter());
      if (System.getProperty(FILE) == null) {
        configure(context);
      } else {
        configureByFile(context);
      }
      return context;
    }

    private static void configureByFile(LoggerContext context) {
      try {
        new ContextInitializer(context).autoConfig();
      } catch (JoranException e) {
        configure(context);
        context.getLogger(CommandLogging.class).warn("{}: {}", FILE, e.getMessage());
      }
    }

    private static void configure(LoggerContext context) {
      LayoutWrappingEncoder<ILoggingEvent> encoder = new LayoutWrappingEncoder<>();
      encoder.setContext(context);
      encoder.setLayout(new LogLine());
      ConsoleAppender<ILoggingEvent> appender = new ConsoleAppender<>();
      appender.setContext(context);
      appender.setTarget(ConsoleTarget.SystemErr.getName());
      appender.setEncoder(encoder);
      appender.start();
      var root = context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
      root.setLevel(Level.toLevel(System.getProperty(LEVEL), Level.INFO));
      root.addAppender(appender);
    }
  }

  @Override
  public ILoggerFactory getLoggerFactory() {
    return DeferredLogger::new;
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
    return API;
  }

  @Override
  public void initialize() {
    // All that is to be done is done with the first message.
  }
}
