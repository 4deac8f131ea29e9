package org.microvm.cli.named;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Arrays;

/** What a guest writes to its console, on its way to a terminal. */
class ConsoleFuzzTest {
  /** A sequence that is longer than what is held back is shown or not, as its pieces have it. */
  private static final int LONGEST = 256;

  /** The first byte says how many bytes come at a time: what the terminal gets is the same. */
  @FuzzTest
  void output_anyBytes_isTheSameInAnyPieces(byte[] bytes) throws IOException {
    if (bytes.length < 1) {
      return;
    }
    byte[] input = Arrays.copyOfRange(bytes, 1, Math.min(bytes.length, 1 + LONGEST));
    assertArrayEquals(shown(input, LONGEST), shown(input, 1 + (bytes[0] & 0x1f)));
  }

  private static byte[] shown(byte[] input, int piece) throws IOException {
    TerminalQueries queries = new TerminalQueries();
    ByteArrayOutputStream terminal = new ByteArrayOutputStream();
    OutputStream screen = new GuestScreen(terminal);
    for (int start = 0; start < input.length; start += piece) {
      int end = Math.min(start + piece, input.length);
      screen.write(queries.without(Arrays.copyOfRange(input, start, end)));
    }
    return terminal.toByteArray();
  }
}
