package org.microvm.cli.named;

import java.util.ArrayList;
import java.util.List;

/**
 * Which of the terminals that show a console is asked what a program in the guest asks: one only,
 * because each answer is typed at the guest. It is the terminal whose user has typed last. Any
 * thread may call.
 */
final class AskedTerminal {
  private final List<Object> present = new ArrayList<>();
  private volatile Object asked;

  /** A terminal shows the console from now on; it is asked if no other one is there. */
  synchronized void joined(Object terminal) {
    present.add(terminal);
    if (asked == null) {
      asked = terminal;
    }
  }

  /** A terminal shows the console no more; if it was asked, the one that has come last is. */
  synchronized void left(Object terminal) {
    present.remove(terminal);
    if (asked == terminal) {
      asked = present.isEmpty() ? null : present.getLast();
    }
  }

  /** The user of a terminal has typed. */
  void typed(Object terminal) {
    if (asked == terminal) {
      return;
    }
    synchronized (this) {
      if (present.contains(terminal)) {
        asked = terminal;
      }
    }
  }

  /** Returns whether a terminal gets the questions. */
  boolean isAsked(Object terminal) {
    return asked == terminal;
  }
}
