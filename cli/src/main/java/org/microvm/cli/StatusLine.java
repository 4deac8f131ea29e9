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

  /** Removes the text if a signal ends the process; made when a text is shown first. */
  private static Shutdown atSignal;

  /** Whether there is a text now. */
  private static boolean present;

  /** Whether the process is ending, so that nothing more is shown. */
  private static boolean over;

  private StatusLine() {}

  /** Shows a text in place of the one before. */
  static synchronized void show(String text) {
    if (over || !isShown()) {
      return;
    }
    if (atSignal == null) {
      try {
        atSignal = new Shutdown(StatusLine::end);
      } catch (IllegalStateException e) {
        over = true; // A signal ends the process just now.
        return;
      }
    }
    present = true;
    System.err.print(CLEAR + "microvm: " + GuestText.plain(text));
    System.err.flush();
  }

  /** Removes the text. */
  static synchronized void clear() {
    present = false;
    if (isShown()) {
      System.err.print(CLEAR);
      System.err.flush();
    }
  }

  /** Removes the text if there is one, for a process that ends. */
  static synchronized void end() {
    over = true;
    if (present) {
      clear();
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
