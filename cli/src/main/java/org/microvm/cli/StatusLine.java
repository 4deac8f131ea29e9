package org.microvm.cli;

import org.microvm.linux.Fd;
import org.microvm.linux.Terminal;

/**
 * The line on which a command shows what it waits for, if standard error is a terminal with control
 * sequences and this process is in its foreground.
 */
final class StatusLine {
  /** Removes what is in the line. */
  static final String CLEAR = "\r\033[K";

  private StatusLine() {}

  /** Shows a text in place of the one before. */
  static void show(String text) {
    if (isShown()) {
      System.err.print(CLEAR + "microvm: " + GuestText.plain(text));
      System.err.flush();
    }
  }

  /** Removes the text. */
  static void clear() {
    if (isShown()) {
      System.err.print(CLEAR);
      System.err.flush();
    }
  }

  /** Whether such a line is shown now. */
  static boolean isShown() {
    Fd errors = Fd.standardError();
    return Terminal.isTerminal(errors) && Terminal.isForeground(errors) && hasSequences();
  }

  /** Whether the terminals of this process understand control sequences. */
  static boolean hasSequences() {
    return hasSequences(System.getenv("TERM"));
  }

  /**
   * Whether terminals of a kind understand control sequences; those of editors, for example, do
   * not.
   *
   * @param kind the value of TERM, or null
   */
  static boolean hasSequences(String kind) {
    return kind != null && !kind.isEmpty() && !kind.equals("dumb");
  }
}
