package org.microvm.cli.named;

import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;

/**
 * The control sequences that ask a terminal for an answer, which it types: where its cursor is,
 * what it is, which modes and colours it has (ECMA-48; xterm's ctlseqs). The programs that sent
 * those of a scroll-back have had their answer, or none; a further one would be input that nobody
 * has typed.
 */
final class TerminalQueries {
  private static final Charset BYTES = StandardCharsets.ISO_8859_1;

  private static final Pattern QUERY =
      Pattern.compile(
          String.join(
              "|",
              "\005", // ENQ
              "\033Z", // DECID
              "\033\\[[?>=]?[0-9;]*[nc]", // DSR, DA
              "\033\\[[01]?x", // DECREQTPARM
              "\033\\[(?:1[1345689]|2[01])(?:;[0-9]*)*t", // reports of the window
              "\033\\[\\??[0-9;]*[$*][pwyu]", // DECRQM, DECRQPSR, DECRQCRA, DECRQTSR
              "\033\\[(?:>[0-9]*q|\\?u)", // XTVERSION, kitty's keyboard
              "\033\\][0-9]+;(?:[^\007\033]*;)?\\?(?:\007|\033\\\\)", // OSC: colours, clipboard
              "\033P[+$]q[^\033]*\033\\\\")); // XTGETTCAP, DECRQSS

  private TerminalQueries() {}

  /** Returns the bytes without queries. */
  static byte[] without(byte[] output) {
    return QUERY.matcher(new String(output, BYTES)).replaceAll("").getBytes(BYTES);
  }
}
