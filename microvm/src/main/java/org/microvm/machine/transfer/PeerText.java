package org.microvm.machine.transfer;

import java.util.regex.Pattern;

/** Text that a peer determines, for a log or a message, which may be shown on a terminal. */
final class PeerText {
  /** Control characters, and what makes a terminal show a line in another order, or as two. */
  private static final Pattern CONTROL =
      Pattern.compile("[\\p{Cc}\\u202a-\\u202e\\u2066-\\u2069\\u2028\\u2029]");

  private PeerText() {}

  /** Returns the text with each control character replaced by a question mark. */
  static String plain(String text) {
    return CONTROL.matcher(text).replaceAll("?");
  }
}
