package org.microvm.cli;

import java.util.regex.Pattern;
import org.microvm.linux.Fd;
import org.microvm.linux.Terminal;

/**
 * Prints text that a guest or a peer determines. A terminal obeys control characters: escape
 * sequences change its title, its clipboard or what is on the screen.
 */
final class GuestText {
  /**
   * C0, DEL and C1, which includes the one-byte form of ESC [, but not the tabulator. And what
   * makes a terminal show a line in another order, or as two: embeddings, overrides and isolates of
   * Unicode's bidirectional algorithm, and its separators.
   */
  private static final Pattern CONTROL =
      Pattern.compile("[\\p{Cc}\\u202a-\\u202e\\u2066-\\u2069\\u2028\\u2029&&[^\t]]");

  /** The same, but not the line feed. */
  private static final Pattern CONTROL_IN_LINES = Pattern.compile("(?!\n)" + CONTROL);

  private GuestText() {}

  /**
   * Prints a line: as it is to a file or program, and to a terminal with its control characters
   * replaced.
   */
  static void print(String line) {
    System.out.println(isForTerminal() ? plain(line) : line);
  }

  /** Prints lines in the same way; their line feeds stay. */
  static void printLines(String lines) {
    System.out.println(isForTerminal() ? plainLines(lines) : lines);
  }

  private static boolean isForTerminal() {
    try (Fd output = Fd.standardOutput()) {
      return Terminal.isTerminal(output);
    }
  }

  /** Returns the text with each control character replaced by a question mark. */
  static String plain(String text) {
    return CONTROL.matcher(text).replaceAll("?");
  }

  /** Returns the lines with each control character replaced, except for their line feeds. */
  static String plainLines(String lines) {
    return CONTROL_IN_LINES.matcher(lines).replaceAll("?");
  }
}
