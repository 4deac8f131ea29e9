package org.microvm.machine.board;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class KernelMessagesTest {
  private static final String MESSAGE = "Kernel panic - not syncing: no init";
  private static final String LINE = "[    0.912345] " + MESSAGE + "\r\n";

  private final ByteArrayOutputStream console = new ByteArrayOutputStream();
  private final KernelMessages messages = new KernelMessages(value -> console.write(value));

  private void print(String text) {
    for (byte value : text.getBytes(ISO_8859_1)) {
      messages.write(value);
    }
  }

  @Test
  void panic_isItsLineWithoutTheTime() {
    print("[    0.9] Run /init\r\n" + LINE + "[    0.93] CPU: 0 PID: 1\r\n");

    assertEquals(Optional.of(MESSAGE), messages.panic());
  }

  @Test
  void output_isPassedOnUnchanged() {
    print(LINE + "and a rest");

    assertEquals(LINE + "and a rest", console.toString(ISO_8859_1));
  }

  @Test
  void panic_writtenByStringOutput_isFound() {
    byte[] line = LINE.getBytes(ISO_8859_1);

    messages.write(MemorySegment.ofArray(line), 0, line.length);

    assertEquals(Optional.of(MESSAGE), messages.panic());
    assertEquals(LINE, console.toString(ISO_8859_1));
  }

  @Test
  void panic_itsLastLine_isNotUsedAsTheMessage() {
    print(LINE + "[    1.1] ---[ end Kernel panic - not syncing: no init ]---\r\n");

    assertEquals(Optional.of(MESSAGE), messages.panic());
  }

  @Test
  void panic_withoutItsLineEnd_isNotKnownYet() {
    print(LINE.strip());

    assertEquals(Optional.empty(), messages.panic());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[  3.0] reboot: Restarting system\r\n",
        "[  3.0] reboot: Restarting system with command 'x'\r\n",
        "[  3.0] reboot: Power down\r\n",
        "[  3.0] reboot: System halted\r\n"
      })
  void panic_beforeAnOrderlyEnd_wasOnlyQuoted(String line) {
    print(LINE + line);

    assertEquals(Optional.empty(), messages.panic());
  }

  @Test
  void panic_withControlCharacters_isPrintable() {
    print("Kernel panic - not syncing: \u001b[31mred\u0007\n");

    assertEquals(Optional.of("Kernel panic - not syncing: [31mred"), messages.panic());
  }

  @Test
  void line_ofAnyLength_isCutAndTheNextOneFound() {
    print("x".repeat(100_000) + "\n" + LINE);

    assertEquals(Optional.of(MESSAGE), messages.panic());
  }

  @Test
  void clear_forgetsThePanic() {
    print(LINE);

    messages.clear();

    assertEquals(Optional.empty(), messages.panic());
  }
}
