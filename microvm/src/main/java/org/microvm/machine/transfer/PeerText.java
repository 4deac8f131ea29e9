package org.microvm.machine.transfer;

import java.util.regex.Pattern;

/** Text that a peer determines, for a log or a message, which may be shown on a terminal. */
final class PeerText {
  private static final Pattern CONTROL = Pattern.compile("\\p{Cc}");

  private PeerText() {}

  /** Returns the text with each control character replaced by a question mark. */
  static String plain(String text) {
    return CONTROL.matcher(text).replaceAll("?");
  }
}
