package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.slf4j.Logger;

/** Where log messages of the program go. */
@Timeout(20)
class CommandLoggingTest {
  private final PrintStream usualErr = System.err;
  private final PrintStream usualOut = System.out;
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final Logger logger =
      new CommandLogging().getLoggerFactory().getLogger("org.example.Thing");

  @BeforeEach
  void capture() {
    System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
    System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
  }

  @AfterEach
  void release() {
    System.setErr(usualErr);
    System.setOut(usualOut);
  }

  @Test
  void warning_isOneLineOnStandardError() {
    logger.warn("{} of {}", 1, "two");

    String line = err.toString(StandardCharsets.UTF_8);
    assertTrue(line.matches("\\S+ WARN  \\[.*] Thing: 1 of two\\R"), line);
    assertEquals("", out.toString(StandardCharsets.UTF_8));
  }

  /** A guest or a peer determines parts of messages. */
  @Test
  void controlCharacters_doNotReachATerminal() {
    logger.warn("title \u001b]0;x\u0007 and \u009b2J", new IOException("also \u001b[2J"));

    String text = err.toString(StandardCharsets.UTF_8);
    assertTrue(text.contains("Thing: title ?]0;x? and ?2J\n"), text);
    assertTrue(text.contains("java.io.IOException: also ?[2J\n"), text);
  }

  @Test
  void debugging_isNotSaidUnlessAskedFor() {
    logger.debug("details");

    assertEquals("", err.toString(StandardCharsets.UTF_8));
    assertFalse(logger.isDebugEnabled());
    assertTrue(logger.isInfoEnabled());
  }

  @Test
  void cause_comesWithItsTrace() {
    logger.error("not done", new IOException("why"));

    String text = err.toString(StandardCharsets.UTF_8);
    assertTrue(text.contains("ERROR") && text.contains("Thing: not done"), text);
    assertTrue(text.contains("java.io.IOException: why") && text.contains("\tat "), text);
  }
}
