package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.testing.ChildJvm;
import org.microvm.testing.RequiresKvm;

/** The process of {@code microvm run}: signals, exit status, and files that it leaves behind. */
@RequiresKvm
@Timeout(60)
class ProcessTest {
  @TempDir private Path directory;
  private Process process;

  @AfterEach
  void end() {
    process.destroyForcibly();
  }

  private Path socket() {
    return directory.resolve("channel");
  }

  private BufferedReader start(String guest, String... args) throws IOException {
    Path home = Path.of(System.getProperty("microvm.home", ".."));
    List<String> command = ChildJvm.command(Main.class, "run", "--memory", "16M", "--kernel");
    command.add(home.resolve("test-images/target/bare-metal").resolve(guest).toString());
    command.addAll(List.of(args));
    process =
        new ProcessBuilder(command)
            .redirectInput(Path.of("/dev/null").toFile())
            .redirectErrorStream(true)
            .start();
    return process.inputReader();
  }

  private BufferedReader startWithChannel(String guest, String... more) throws IOException {
    List<String> args = new ArrayList<>(List.of("--chardev"));
    args.add("socket,id=a,path=" + socket() + ",server=on,wait=off");
    args.addAll(List.of("--device", "virtserialport,chardev=a,name=a"));
    args.addAll(List.of(more));
    return start(guest, args.toArray(String[]::new));
  }

  private int status() throws InterruptedException {
    assertTrue(process.waitFor(30, TimeUnit.SECONDS), "the process did not end");
    return process.exitValue();
  }

  @Test
  void sigterm_endsCleanlyWithStatus143() throws Exception {
    Path stats = directory.resolve("stats");
    BufferedReader console = startWithChannel("spin", "--exit-stats", stats.toString());
    assertEquals("spinning", console.readLine());
    assertTrue(Files.exists(socket()));

    process.destroy();

    assertEquals(143, status());
    assertFalse(Files.exists(socket()));
    assertTrue(Files.readString(stats).contains("exitsByReason"));
  }

  /** Waits for a file by which a start can be seen, ends the process, and lists what is left. */
  private List<Path> leftAfterSignalAt(Path file) throws Exception {
    while (!Files.exists(file)) {
      assertTrue(process.isAlive(), "the process ended before there was " + file);
      Thread.onSpinWait();
    }
    process.toHandle().destroy();
    assertEquals(143, status());
    try (Stream<Path> files = Files.list(directory)) {
      return files.toList();
    }
  }

  @Test
  void sigterm_whileTheMachineIsMade_leavesNoSocket() throws Exception {
    String control = "unix:" + directory.resolve("control") + ",server=on,wait=off";
    startWithChannel("spin", "--qmp", control);

    assertEquals(List.of(), leftAfterSignalAt(socket()));
  }

  @Test
  void sigterm_beforeAGuestArrives_leavesNoSocket() throws Exception {
    Path incoming = directory.resolve("incoming");
    startWithChannel("spin", "--incoming", "unix:" + incoming);

    assertEquals(List.of(), leftAfterSignalAt(incoming));
    assertEquals(List.of(), process.inputReader().lines().toList());
  }

  @Test
  void sigterm_whileTheDemoStarts_leavesNoDirectory() throws Exception {
    Path home = Path.of(System.getProperty("microvm.home", ".."));
    process =
        new ProcessBuilder(
                ChildJvm.command(
                    List.of("-Djava.io.tmpdir=" + directory),
                    Main.class,
                    "demo",
                    "--kernel",
                    home.resolve("test-images/target/bare-metal/spin").toString()))
            .redirectErrorStream(true)
            .start();
    while (isEmpty(directory)) {
      assertTrue(process.isAlive(), "the process ended before it had made its directory");
    }
    process.destroy();

    assertEquals(143, status());
    assertTrue(isEmpty(directory));
  }

  private static boolean isEmpty(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.findAny().isEmpty();
    }
  }

  @Test
  void sigkill_leavesNothingThatBreaksTheNextStart() throws Exception {
    assertEquals("spinning", startWithChannel("spin").readLine());
    process.destroyForcibly();
    status();
    assertTrue(Files.exists(socket()));

    assertEquals("spinning", startWithChannel("spin").readLine());

    SocketChannel.open(UnixDomainSocketAddress.of(socket())).close();
  }

  @Test
  void guestsStatus_isTheProcessStatus() throws Exception {
    start("hello", "--append", "exit=21");

    assertEquals(43, status());
  }

  @Test
  void tripleFault_givesAReportAndItsStatus() throws Exception {
    BufferedReader output = start("triple-fault");

    assertEquals(ExitStatus.TRIPLE_FAULT, status());
    assertTrue(output.lines().anyMatch(line -> line.contains("RIP 0x")));
  }
}
