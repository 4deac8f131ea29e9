package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.linux.Fd;
import org.microvm.linux.PendingInput;
import org.microvm.linux.Pty;
import org.microvm.testing.ChildJvm;
import org.microvm.testing.RequiresKvm;

/** {@code microvm run ... &} in an interactive shell, and {@code fg}. */
@RequiresKvm
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class BackgroundRunTest {
  private final MemorySegment buffer = Arena.ofAuto().allocate(4096);
  private final StringBuilder shown = new StringBuilder();
  @TempDir private Path directory;

  private void type(Pty pty, String text) {
    try (Arena arena = Arena.ofConfined()) {
      byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
      pty.fd().write(arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes));
    }
  }

  private void await(Pty pty, String text) {
    while (shown.indexOf(text) < 0) {
      PendingInput.await(pty.fd());
      long count = pty.fd().read(buffer);
      assertTrue(count > 0, () -> "no '" + text + "' in: " + shown);
      byte[] bytes = buffer.asSlice(0, count).toArray(ValueLayout.JAVA_BYTE);
      shown.append(new String(bytes, StandardCharsets.US_ASCII));
      assertFalse(shown.indexOf("Stopped") >= 0, shown::toString);
    }
    shown.setLength(0);
  }

  /** A script, because a terminal's line has at most 4095 characters. */
  private Path script() throws IOException {
    Path home = Path.of(System.getProperty("microvm.home", ".."));
    List<String> words = ChildJvm.command(Main.class, "run", "--memory", "16M", "--kernel");
    words.add(home.resolve("test-images/target/bare-metal/spin").toAbsolutePath().toString());
    Path script = directory.resolve("run");
    Files.writeString(script, "exec '" + String.join("' '", words) + "'\n");
    return script;
  }

  @Test
  void backgroundRun_isNotStoppedAndTakesTheTerminalInTheForeground() throws Exception {
    try (Pty pty = Pty.open();
        Fd _ = Fd.open(pty.path(), Fd.READ_WRITE, Fd.NON_BLOCKING)) {
      Process shell =
          new ProcessBuilder("setsid", "--ctty", "sh", "-i")
              .redirectInput(pty.path().toFile())
              .redirectOutput(pty.path().toFile())
              .redirectError(pty.path().toFile())
              .start();
      try {
        type(pty, "sh " + script() + " &\n");
        await(pty, "spinning");
        type(pty, "echo sh''ell\n");
        await(pty, "shell");

        type(pty, "fg; echo sta''tus $?\n");
        type(pty, "\001x"); // Ctrl-A x

        await(pty, "status 0");
      } finally {
        shell.destroyForcibly().waitFor();
      }
    }
  }
}
