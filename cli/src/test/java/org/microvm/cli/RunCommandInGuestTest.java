package org.microvm.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.testing.ChildJvm;
import org.microvm.testing.RequiresKvm;

/** {@code microvm run -- COMMAND}: streams and exit status of a command in the project's guest. */
@RequiresKvm
@Tag("linux")
@Timeout(300)
class RunCommandInGuestTest {
  @TempDir private Path directory;

  private int run(String input, String... words) throws IOException, InterruptedException {
    List<String> all = new ArrayList<>(List.of("run"));
    all.addAll(List.of(words));
    return execute(input, directory.resolve("out"), all.toArray(String[]::new));
  }

  private int execute(String input, Path output, String... words)
      throws IOException, InterruptedException {
    Path home = Path.of(System.getProperty("microvm.home", "..")).toAbsolutePath();
    List<String> options = List.of("-Dmicrovm.images=" + home.resolve("test-images/target/images"));
    Files.writeString(directory.resolve("in"), input);
    Process process =
        new ProcessBuilder(ChildJvm.command(options, Main.class, words))
            .redirectInput(directory.resolve("in").toFile())
            .redirectOutput(output.toFile())
            .redirectError(directory.resolve("err").toFile())
            .start();
    try {
      return process.waitFor();
    } finally {
      process.destroyForcibly();
    }
  }

  private String text(String stream) throws IOException {
    return Files.readString(directory.resolve(stream), UTF_8);
  }

  @Test
  void command_hasItsStreamsAndItsStatus() throws Exception {
    String input = "0123456789abcdef\n".repeat(10_000);

    int status = run(input, "--", "sh", "-c", "echo first; cat; echo trouble >&2; exit 7");

    assertEquals(7, status);
    assertEquals("first\n" + input, text("out"));
    assertEquals("trouble\n", text("err"));
  }

  @Test
  void command_thatDoesNotExist_hasTheStatusOfAShell() throws Exception {
    assertEquals(127, run("", "--", "/no/such/program"));
    assertEquals("microvm: /no/such/program: No such file or directory\n", text("err"));
  }

  @Test
  void command_thatIsKilled_hasTheStatusOfAShell() throws Exception {
    assertEquals(128 + 9, run("", "--", "sh", "-c", "kill -KILL $$"));
  }

  @Test
  void guestThatEndsFirst_isNoSuccessOfTheCommand() throws Exception {
    assertEquals(ExitStatus.COMMAND_LOST, run("", "--", "sh", "-c", "poweroff -f; sleep 60"));
    assertTrue(text("err").endsWith("the guest ended before its command did\n"), text("err"));
  }

  @Test
  void timeLimit_isTheOnlyReasonGiven() throws Exception {
    assertEquals(ExitStatus.TIMEOUT, run("", "--timeout", "1", "--", "sleep", "1000"));
    assertTrue(text("err").endsWith("within 1 s (--timeout)\n"), text("err"));
    assertFalse(text("err").contains("before its command did"), text("err"));
  }

  @Test
  void demo_whoseOutputIsLost_fails() throws Exception {
    assertEquals(Main.FAILED, execute("", Path.of("/dev/full"), "demo"));
    assertEquals(
        "microvm: standard output cannot be written to: No space left on device\n", text("err"));
  }

  @Test
  void guestThatPanics_hasItsStatusAndNothingOnStandardOutput() throws Exception {
    int status = run("", "--append", "init=/nonexistent panic=-1", "--", "true");

    assertEquals(ExitStatus.PANICKED, status);
    assertEquals("", text("out"));
    assertTrue(text("err").contains("Requested init /nonexistent failed"), text("err"));
  }

  @Test
  void halt_isNoSuccess() throws Exception {
    int status = run("", "--no-console", "--append", "microvm.run=\"halt -f\"");

    assertEquals(ExitStatus.HALTED, status);
    assertTrue(text("err").startsWith("microvm: the guest has halted"), text("err"));
  }
}
