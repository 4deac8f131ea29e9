package org.microvm.linux;

import java.util.regex.Pattern;

/**
 * Makes text from a guest or a peer safe for a terminal or a log. A terminal interprets control
 * characters: escape sequences change its title, its clipboard or what is on the screen.
 */
public final class PlainText {
  /**
   * C0, DEL and C1, which includes the one-byte form of ESC [. Also the characters that make a
   * terminal reorder or split a line: embeddings, overrides and isolates of Unicode's bidirectional
   * algorithm, and its separators.
   */
  private static final Pattern CONTROL =
      Pattern.compile("[\\p{Cc}\\u202a-\\u202e\\u2066-\\u2069\\u2028\\u2029]");

  private PlainText() {}

  /**
   * {@return the text with each control character replaced by a question mark}
   *
   * @param text any text
   * @param allowed control characters that stay, such as a line feed
   */
  public static String of(String text, String allowed) {
    return CONTROL
        .matcher(text)
        .replaceAll(found -> allowed.contains(found.group()) ? found.group() : "?");
  }
}
