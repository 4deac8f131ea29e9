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
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
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
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-cp"));
    command.add(System.getProperty("java.class.path"));
    command.addAll(List.of("org.microvm.cli.Main", "run", "--memory", "16M", "--kernel"));
    command.add(home.resolve("test-images/target/bare-metal").resolve(guest).toString());
    command.addAll(List.of(args));
    process =
        new ProcessBuilder(command)
            .redirectInput(Path.of("/dev/null").toFile())
            .redirectErrorStream(true)
            .start();
    return process.inputReader();
  }

  private BufferedReader startWithChannel(String guest) throws IOException {
    return start(
        guest,
        "--chardev",
        "socket,id=a,path=" + socket() + ",server=on,wait=off",
        "--device",
        "virtserialport,chardev=a,name=a",
        "--exit-stats",
        directory.resolve("stats").toString());
  }

  private int status() throws InterruptedException {
    assertTrue(process.waitFor(30, TimeUnit.SECONDS), "the process did not end");
    return process.exitValue();
  }

  @Test
  void sigterm_endsCleanlyWithStatus143() throws Exception {
    BufferedReader console = startWithChannel("spin");
    assertEquals("spinning", console.readLine());
    assertTrue(Files.exists(socket()));

    process.destroy();

    assertEquals(143, status());
    assertFalse(Files.exists(socket()));
    assertTrue(Files.readString(directory.resolve("stats")).contains("exitsByReason"));
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
