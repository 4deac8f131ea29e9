package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.testing.ChildJvm;
import org.microvm.virtioserial.backend.StdioBackend;

/**
 * Standard input and output as a port, in a separate process, because a process has only one of
 * each.
 */
class StdioTest {
  @TempDir Path directory;

  @Test
  void stdio_passesBytesBothWays() throws Exception {
    Process child = start();
    try (var in = child.outputWriter()) {
      in.write("hello");
    }

    assertEquals("HELLO, and the end", new String(child.getInputStream().readAllBytes()));
    assertEquals(0, exitStatus(child));
  }

  private Process start() throws Exception {
    return new ProcessBuilder(ChildJvm.command(Child.class, directory.toString()))
        .redirectError(ProcessBuilder.Redirect.DISCARD)
        .start();
  }

  private static int exitStatus(Process child) throws InterruptedException {
    return child.waitFor(Await.LIMIT.toSeconds(), TimeUnit.SECONDS) ? child.exitValue() : -1;
  }

  /** A guest that answers in capitals, and sends once more after the end of its input. */
  static final class Child {
    private Child() {}

    public static void main(String[] args) throws Exception {
      try (SerialMachine machine = new SerialMachine(Path.of(args[0]))) {
        int nr = machine.device.addPort(PortConfig.named("stdio"), StdioBackend.open()).nr();
        assertEquals(
            "open stdio: EBUSY (Device or resource busy): another port uses it",
            assertThrows(IOException.class, StdioBackend::open).getMessage());
        machine.guest.boot();
        machine.introduce(nr);
        machine.guest.open(nr);
        String text = new String(machine.guest.read(nr, 5));
        machine.guest.write(nr, text.toUpperCase(java.util.Locale.ROOT).getBytes());
        machine.guest.write(nr, ", and the end".getBytes());
        machine.guest.awaitSent(nr, 2);
      }
    }
  }
}
