package org.microvm.cli.named;

import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The control sequences that query a terminal for its cursor position, type, modes and colours
 * (ECMA-48; xterm's ctlseqs). The terminal sends its answer as input. No viewer may answer a query
 * in the scroll-back, because the program no longer waits for it, and only one may answer a query
 * of a running program: any other answer would be input that nobody has typed.
 *
 * <p>An object removes the queries from the output for one terminal, whose pieces may end anywhere.
 */
final class TerminalQueries {
  private static final Charset BYTES = StandardCharsets.ISO_8859_1;

  /** Without a repeated group, which Java matches by recursion: a guest sends what is matched. */
  private static final Pattern QUERY =
      Pattern.compile(
          String.join(
              "|",
              "\005", // ENQ
              "\033Z", // DECID
              "\033\\[[?>=]?[0-9;]*[nc]", // DSR, DA
              "\033\\[[01]?x", // DECREQTPARM
              "\033\\[(?:1[1345689]|2[01])(?:;[0-9;]*)?t", // reports of the window
              "\033\\[\\??[0-9;]*[$*][pwyu]", // DECRQM, DECRQPSR, DECRQCRA, DECRQTSR
              "\033\\[(?:>[0-9]*q|\\?u)", // XTVERSION, kitty's keyboard
              "\033\\][0-9]+;(?:[^\007\033]*;)?\\?(?:\007|\033\\\\)", // OSC: colours, clipboard
              "\033P[+$]q[^\033]*\033\\\\")); // XTGETTCAP, DECRQSS

  /** A longer sequence is passed on, because no query is that long. */
  private static final int MAX_HELD = 256;

  private static final char ESCAPE = '\033';
  private static final char ENQUIRY = '\005';

  /** The end of the last piece, if it may be the beginning of a query. */
  private String held = "";

  /**
   * Returns a piece of the output without queries. What may be the beginning of one is kept until
   * its end has come.
   */
  @SuppressWarnings("JdkObsolete") // hitEnd is for input in pieces, which this is
  byte[] without(byte[] piece) {
    String text = held + new String(piece, BYTES);
    held = "";
    StringBuilder rest = new StringBuilder();
    Matcher query = QUERY.matcher(text);
    int at = 0;
    while (at < text.length()) {
      int start = startOfControl(text, at);
      rest.append(text, at, start);
      query.region(start, text.length());
      if (query.lookingAt()) {
        at = query.end();
      } else if (query.hitEnd() && text.length() - start <= MAX_HELD) {
        held = text.substring(start);
        at = text.length();
      } else {
        at = Math.min(start + 1, text.length());
        rest.append(text, start, at);
      }
    }
    return rest.toString().getBytes(BYTES);
  }

  /** Returns a piece of the output as it is, after what was kept. */
  byte[] with(byte[] piece) {
    if (held.isEmpty()) {
      return piece;
    }
    byte[] all = (held + new String(piece, BYTES)).getBytes(BYTES);
    held = "";
    return all;
  }

  /** Returns where the next control sequence begins; the length if there is none. */
  private static int startOfControl(String text, int from) {
    int at = from;
    while (at < text.length() && text.charAt(at) != ESCAPE && text.charAt(at) != ENQUIRY) {
      at++;
    }
    return at;
  }
}
