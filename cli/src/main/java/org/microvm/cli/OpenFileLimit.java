package org.microvm.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Explains an {@link Error} of a process that may open too few files. The JVM then cannot open the
 * jar of a class, or a file of its own, and says neither which nor why.
 */
final class OpenFileLimit {
  /**
   * A process with a lower limit may have used it up. The JVM raises its limit as far as it may,
   * and hosts allow more than this.
   */
  private static final long LOW = 1024;

  private OpenFileLimit() {}

  /** Loads this class, because it cannot be loaded once there are too many open files. */
  static void prepare() {}

  /**
   * Returns what to say about an error.
   *
   * @param error what has ended a command
   * @return null if the limit does not explain it
   */
  static String reason(Error error) {
    if (!(error instanceof LinkageError || error instanceof InternalError)) {
      return null;
    }
    try {
      return reason(error, Files.readString(Path.of("/proc/self/limits")));
    } catch (IOException e) {
      // That file could not be opened either.
      return message("");
    }
  }

  /**
   * Returns what to say about an error.
   *
   * @param limits the contents of {@code /proc/PID/limits}
   */
  static String reason(Error error, String limits) {
    Matcher matcher = Pattern.compile("Max open files +([0-9]+)").matcher(limits);
    if (matcher.find()) {
      String most = matcher.group(1);
      if (most.length() <= Long.toString(LOW).length() && Long.parseLong(most) <= LOW) {
        return message(", at most " + most);
      }
    }
    for (Throwable cause = error; cause != null; cause = cause.getCause()) {
      if (String.valueOf(cause.getMessage()).contains("Too many open files")) {
        return message("");
      }
    }
    return null;
  }

  private static String message(String limit) {
    return "too many open files%s: raise the limit of open files (ulimit -n)".formatted(limit);
  }
}
