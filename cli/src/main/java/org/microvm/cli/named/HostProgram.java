package org.microvm.cli.named;

import java.io.IOException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Starts programs of the host, with errors that name the program once. */
public final class HostProgram {
  /** The error number and its name, as the JDK writes them. */
  private static final Pattern ERROR =
      Pattern.compile("error[:=] ?([1-9]\\d*)[, (]+([^)]+)\\)? *$");

  /** What the JDK says if its program {@code jspawnhelper} has not started the program. */
  private static final Pattern HELPER = Pattern.compile("spawn helper: .*exit code: (\\d+)");

  /** Begins the guesses of the JDK, which are none of the usual causes. */
  private static final String GUESSES = "Possible reasons:";

  private HostProgram() {}

  /**
   * Starts a program.
   *
   * @param builder the program and its arguments
   * @return the process
   * @throws IOException if it cannot be executed; the message has its name and why
   */
  public static Process start(ProcessBuilder builder) throws IOException {
    try {
      return builder.start();
    } catch (IOException e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      String program = builder.command().getFirst();
      throw new IOException(
          "cannot run '%s': %s".formatted(program, reason(String.valueOf(cause.getMessage()))), e);
    }
  }

  /**
   * Returns why a program was not started.
   *
   * @param text what the JDK says
   */
  static String reason(String text) {
    int guesses = text.indexOf(GUESSES);
    String facts = guesses < 0 ? text : text.substring(0, guesses).strip();
    Matcher error = ERROR.matcher(facts);
    if (error.find()) {
      return error.group(2);
    }
    Matcher helper = HELPER.matcher(facts);
    return helper.find()
        ? "the JVM's jspawnhelper ended with status %s; is a limit of this process too low (ulimit)?"
            .formatted(helper.group(1))
        : facts;
  }
}
