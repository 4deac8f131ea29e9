package org.microvm.cli;

import java.io.IOException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Starts programs of the host, with errors that name the program once. */
final class HostProgram {
  /** What the JDK says if execve(2) fails, after the name of the program. */
  private static final Pattern EXEC_FAILED = Pattern.compile("error[:=] ?\\d+[, (]+([^)]+)\\)? *$");

  private HostProgram() {}

  /**
   * Starts a program.
   *
   * @throws IOException if it cannot be executed; the message has its name and why
   */
  static Process start(ProcessBuilder builder) throws IOException {
    try {
      return builder.start();
    } catch (IOException e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      String program = builder.command().getFirst();
      throw new IOException("cannot run '%s': %s".formatted(program, reason(cause)), e);
    }
  }

  private static String reason(Throwable cause) {
    String text = String.valueOf(cause.getMessage());
    Matcher matcher = EXEC_FAILED.matcher(text);
    return matcher.find() ? matcher.group(1) : text;
  }
}
