package org.microvm.cli;

import org.microvm.linux.Fd;
import org.microvm.linux.Terminal;

/**
 * The line on which a command shows what it waits for, if standard error is a terminal and this
 * process is in its foreground.
 */
final class StatusLine {
  private static final String CLEAR = "\r\033[K";

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

  private static boolean isShown() {
    Fd errors = Fd.standardError();
    return Terminal.isTerminal(errors) && Terminal.isForeground(errors);
  }
}
