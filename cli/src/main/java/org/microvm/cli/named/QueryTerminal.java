package org.microvm.cli.named;

import java.util.ArrayList;
import java.util.List;

/**
 * Selects the terminal that receives queries of a program in the guest. Only one of the terminals
 * that show a console gets them, because each answer is typed into the guest: the one whose user
 * has typed last. Any thread may call.
 */
final class QueryTerminal {
  private final List<Object> present = new ArrayList<>();
  private volatile Object asked;

  /** Adds a terminal, which gets the queries if it is the only one. */
  synchronized void joined(Object terminal) {
    present.add(terminal);
    if (asked == null) {
      asked = terminal;
    }
  }

  /** Removes a terminal; if it got the queries, the terminal that was added last gets them. */
  synchronized void left(Object terminal) {
    present.remove(terminal);
    if (asked == terminal) {
      asked = present.isEmpty() ? null : present.getLast();
    }
  }

  /** Records that the user of a terminal has typed. */
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

  /** Returns whether a terminal gets the queries. */
  boolean isAsked(Object terminal) {
    return asked == terminal;
  }
}
