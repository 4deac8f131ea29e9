package org.microvm.cli;

import org.microvm.linux.Fd;
import org.microvm.linux.PlainText;
import org.microvm.linux.Terminal;

/** Prints text that a guest or a peer determines; tabs stay. See {@link PlainText}. */
final class GuestText {
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
    return PlainText.of(text, "\t");
  }

  /** Returns the text as one line: its line breaks are written as in Java. */
  static String line(String text) {
    return plain(text.strip().replace("\n", "\\n").replace("\r", "\\r"));
  }

  /** Returns the lines with each control character replaced, except for their line feeds. */
  static String plainLines(String lines) {
    return PlainText.of(lines, "\t\n");
  }
}
