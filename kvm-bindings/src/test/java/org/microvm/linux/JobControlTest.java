package org.microvm.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A process that uses its terminal, as a job of an interactive shell. */
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class JobControlTest {
  @TempDir private Path directory;
  private final MemorySegment buffer = Arena.ofAuto().allocate(4096);
  private final StringBuilder shown = new StringBuilder();
  private Pty pty;
  private Fd device;
  private Process shell;
  private String before;

  /** The user's terminal, with a shell that does not restore the terminal's mode. */
  @BeforeEach
  void login() throws Exception {
    pty = Pty.open();
    device = Fd.open(pty.path(), Fd.READ_WRITE, Fd.NON_BLOCKING);
    shell =
        new ProcessBuilder("setsid", "--ctty", "sh", "-i")
            .redirectInput(pty.path().toFile())
            .redirectOutput(pty.path().toFile())
            .redirectError(pty.path().toFile())
            .start();
    type("echo be''gun\n");
    await("begun");
    before = mode();
  }

  @AfterEach
  void hangUp() throws Exception {
    shell.destroyForcibly().waitFor();
    device.close();
    pty.close();
  }

  private void type(String text) {
    try (Arena arena = Arena.ofConfined()) {
      byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
      MemorySegment memory = arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes);
      assertEquals(bytes.length, pty.fd().write(memory));
    }
  }

  /** Reads what the terminal shows until it contains a text, and returns what came before. */
  private String await(String text) {
    while (shown.indexOf(text) < 0) {
      PendingInput.await(pty.fd());
      long count = pty.fd().read(buffer);
      assertTrue(count > 0, () -> "no '" + text + "' in: " + shown);
      byte[] bytes = buffer.asSlice(0, count).toArray(ValueLayout.JAVA_BYTE);
      shown.append(new String(bytes, StandardCharsets.US_ASCII));
      assertFalse(
          shown.indexOf("tty output") >= 0 || shown.indexOf("tty input") >= 0, shown::toString);
    }
    String before = shown.substring(0, shown.indexOf(text));
    shown.delete(0, before.length() + text.length());
    return before;
  }

  private String mode() throws Exception {
    Process stty = new ProcessBuilder("stty", "-F", pty.path().toString(), "-g").start();
    return new String(stty.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
  }

  /** Starts the program as a job; returns its process. */
  private ProcessHandle start(String end) throws Exception {
    // In a file, because a terminal's line has at most 4095 characters.
    Path script = directory.resolve("child");
    // nohup, which the tests may run under, has processes ignore SIGHUP.
    Files.writeString(
        script,
        "exec env --default-signal=HUP %s -XX:TieredStopAtLevel=1 --enable-native-access=ALL-UNNAMED -cp '%s' '%s'"
            .formatted(
                Path.of(System.getProperty("java.home"), "bin", "java"),
                System.getProperty("java.class.path"),
                Child.class.getName()));
    type("sh " + script + end);
    await("pid=");
    String pid = await(";");
    return ProcessHandle.of(Long.parseLong(pid)).orElseThrow();
  }

  private static void signal(ProcessHandle process, String name) throws Exception {
    String pid = Long.toString(process.pid());
    assertEquals(0, new ProcessBuilder("kill", "-" + name, pid).start().waitFor());
  }

  @Test
  void backgroundJob_leavesTheTerminalAloneUntilItIsInTheForeground() throws Exception {
    start(" &\n");
    type("echo sh''ell\n");
    await("shell");
    type("jobs\n");
    await("Running");
    assertEquals(before, mode());

    type("fg\n");
    type("x");

    await("got x");
    type("q");
    await("ended");
    type("echo ag''ain\n");
    await("again");
    assertEquals(before, mode());
  }

  @Test
  void stoppedJob_restoresTheModeAndTakesItAgain() throws Exception {
    ProcessHandle process = start("\n");
    type("x");
    await("got x");
    String raw = mode();

    signal(process, "TSTP");

    await("Stopped");
    assertEquals(before, mode());
    type("bg\n");
    type("echo sh''ell\n");
    await("shell");
    assertEquals(before, mode());
    type("fg\n");
    type("y");
    await("got y");
    assertEquals(raw, mode());
    type("q");
    await("ended");
  }

  @Test
  void hangUp_restoresTheMode() throws Exception {
    ProcessHandle process = start("\n");
    type("x");
    await("got x");

    signal(process, "HUP");

    process.onExit().get(30, TimeUnit.SECONDS);
    assertEquals(before, mode());
  }

  @Test
  void killedInTheBackground_changesNothing() throws Exception {
    ProcessHandle process = start(" &\n");

    signal(process, "TERM");

    type("wait; echo sh''ell\n");
    await("shell");
    assertEquals(before, mode());
  }

  /** Prints each byte that it reads from the terminal, until q. */
  static final class Child {
    private Child() {}

    public static void main(String[] args) throws Exception {
      try (Fd input = Fd.standardInput();
          ForegroundTerminal terminal =
              ForegroundTerminal.use(input, ForegroundTerminal.Mode.RAW)) {
        Runtime.getRuntime().addShutdownHook(new Thread(terminal::close));
        System.out.print("pid=" + ProcessHandle.current().pid() + ";\n");
        int key = terminal.input().read();
        while (key >= 0 && key != 'q') {
          System.out.println("got " + (char) key);
          key = terminal.input().read();
        }
      }
      System.out.println("ended");
    }
  }
}
