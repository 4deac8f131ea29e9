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
import org.slf4j.LoggerFactory;
import org.slf4j.helpers.BasicMarkerFactory;
import org.slf4j.helpers.NOPMDCAdapter;
import org.slf4j.spi.MDCAdapter;
import org.slf4j.spi.SLF4JServiceProvider;

/**
 * Configures the program's logging: to standard error, because standard output is the guest's
 * console, and from the level in the system property {@code microvm.log}, or else {@code INFO}. A
 * file named by {@code logback.configurationFile} overrides this.
 *
 * <p>Logback is loaded with the first message, because finding it and its configuration takes 20 ms
 * and most runs log nothing. A program that embeds a machine configures its own logging and does
 * not use this class.
 */
public final class CommandLogging implements SLF4JServiceProvider {
  private static final String LEVEL = "microvm.log";
  private static final String FILE = "logback.configurationFile";

  /** Properties of org.slf4j.LoggerFactory: the provider to use, and how much SLF4J reports. */
  private static final String PROVIDER = "slf4j.provider";

  private static final String VERBOSITY = "slf4j.internal.verbosity";

  /** The version of the SLF4J API that this provider implements. */
  private static final String API = "2.0.99";

  private final IMarkerFactory markers = new BasicMarkerFactory();
  private final MDCAdapter context = new NOPMDCAdapter();

  /** Called by SLF4J. */
  public CommandLogging() {}

  /**
   * Selects this provider and initializes SLF4J. To be called before the process creates its first
   * logger and while it has one thread: while SLF4J initializes itself, another thread would get a
   * substitute logger, whose class is not in the ahead-of-time cache and takes 18 ms to find.
   */
  static void begin() {
    System.setProperty(PROVIDER, CommandLogging.class.getName());
    System.setProperty(VERBOSITY, "WARN");
    LoggerFactory.getILoggerFactory();
  }

  /** Holds logback's context, which is created with the first message. */
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
    // Everything is initialized with the first message.
  }
}
