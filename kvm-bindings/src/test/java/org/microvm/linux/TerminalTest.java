package org.microvm.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class TerminalTest {
  private final MemorySegment key = Arena.ofAuto().allocate(1);
  private final MemorySegment answer = Arena.ofAuto().allocate(8);

  @Test
  void raw_keysComeAtOnceAndUnechoedUntilClosed() throws Exception {
    try (Pty pty = Pty.open();
        Fd device = Fd.open(pty.path(), Fd.READ_WRITE, Fd.NON_BLOCKING)) {
      int controlC = 3;
      key.set(ValueLayout.JAVA_BYTE, 0, (byte) controlC);
      try (Terminal terminal = Terminal.raw(device)) {
        pty.fd().write(key);
        assertEquals(1, device.read(answer));
        assertEquals(controlC, answer.get(ValueLayout.JAVA_BYTE, 0));
        assertEquals(-Errno.EAGAIN, pty.fd().read(answer), "no echo");
        assertEquals(new Terminal.Size(0, 0), terminal.size());
      }

      key.set(ValueLayout.JAVA_BYTE, 0, (byte) 'x');
      pty.fd().write(key);
      assertEquals(-Errno.EAGAIN, device.read(answer), "no line yet");
      assertEquals(1, pty.fd().read(answer), "the echo");
    }
  }

  @Test
  void isTerminal_distinguishesTerminals() throws Exception {
    try (Pty pty = Pty.open();
        Fd device = Fd.open(pty.path(), Fd.READ_WRITE);
        Fd zero = Fd.open(Path.of("/dev/zero"), Fd.READ_ONLY)) {
      assertTrue(Terminal.isTerminal(device));
      assertFalse(Terminal.isTerminal(zero));
      assertThrows(ErrnoException.class, () -> Terminal.raw(zero));
    }
  }
}
