package org.microvm.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Explains an {@link Error} of a process that may open too few files. The JVM then cannot open the
 * jar of a class, or a file of its own, and says neither which nor why.
 */
final class OpenFileLimit {
  /**
   * A process with fewer open files than this part of its limit has not used it up. Files that it
   * had opened for a machine may have been closed since.
   */
  private static final int PART = 4;

  private static final Path OPEN = Path.of("/proc/self/fd");

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
      return reason(error, Files.readString(Path.of("/proc/self/limits")), openFiles());
    } catch (IOException e) {
      // That file could not be opened either.
      return message("");
    }
  }

  private static long openFiles() throws IOException {
    try (Stream<Path> open = Files.list(OPEN)) {
      return open.count();
    }
  }

  /**
   * Returns what to say about an error.
   *
   * @param limits the contents of {@code /proc/PID/limits}
   * @param open the number of open files
   */
  static String reason(Error error, String limits, long open) {
    Matcher matcher = Pattern.compile("Max open files +([0-9]+)").matcher(limits);
    if (matcher.find()) {
      String most = matcher.group(1);
      if (open >= Long.parseLong(most) / PART) {
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
