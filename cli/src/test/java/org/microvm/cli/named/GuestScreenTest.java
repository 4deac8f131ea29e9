package org.microvm.cli.named;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GuestScreenTest {
  private final ByteArrayOutputStream terminal = new ByteArrayOutputStream();
  private final GuestScreen screen = new GuestScreen(terminal);

  private void print(String text) throws IOException {
    screen.write(text.getBytes(StandardCharsets.ISO_8859_1));
  }

  /** ESC is E in the arguments, SI is O, and CAN is X. */
  @ParameterizedTest
  @CsvSource(
      textBlock =
          """
          hello, ''
          E[?25lE[?25h, ''
          E[?25l, E[?25h
          E[?1049hE[?25l, E[?25hE[?1049l
          E[?1049;2004h, E[?1049lE[?2004l
          E[?2004hE[?2004l, ''
          E[1;31mred, E[0m
          E[1;31mredE[m, ''
          E[31mredE[0m, ''
          E[2;10r, E7E[rE8
          E=E[?1h, E>E[?1l
          E(0qqq, E(BO
          E[4 q, E[0 q
          E[?25lE[31mEc, ''
          E[?2, X
          E[>4;2m, ''
          """)
  void whatTheGuestChanged_isUndone(String output, String undone) throws IOException {
    print(output.replace('E', '\033'));
    terminal.reset();

    screen.restore();

    String expected = undone.replace('E', '\033').replace('O', '\017').replace('X', '\030');
    assertEquals(expected, terminal.toString(StandardCharsets.ISO_8859_1));
  }

  @Test
  void moreModesThanATerminalHas_areNotKept() throws IOException {
    for (int mode = 100; mode < 60_000; mode++) {
      print("\033[?" + mode + "h");
    }
    terminal.reset();

    screen.restore();

    assertEquals(256, terminal.toString(StandardCharsets.ISO_8859_1).split("l", -1).length - 1);
  }

  @Test
  void sequence_mayArriveByteByByte() throws IOException {
    for (char each : "\033[?25l".toCharArray()) {
      screen.write(each);
    }
    screen.restore();

    assertEquals("\033[?25l\033[?25h", terminal.toString(StandardCharsets.ISO_8859_1));
  }

  @Test
  void endlessSequence_isForgotten() throws IOException {
    print("\033[" + "1;".repeat(1000) + "\033[?25l");
    terminal.reset();

    screen.restore();

    assertEquals("\033[?25h", terminal.toString(StandardCharsets.ISO_8859_1));
  }
}
