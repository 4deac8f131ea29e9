package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.qmp.QmpClient;
import org.microvm.testing.ChildJvm;
import org.microvm.testing.RequiresKvm;

/** Commands at the control socket of a process that runs a Linux guest. */
@RequiresKvm
@Tag("linux")
@Timeout(300)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class ControlSocketTest {
  private static final Duration LIMIT = Duration.ofMinutes(2);

  @TempDir private static Path directory;
  private Process machine;
  private BufferedReader console;
  private QmpClient qmp;

  @BeforeAll
  void boot() throws Exception {
    Path home = Path.of(System.getProperty("microvm.home", "..")).toAbsolutePath();
    machine =
        new ProcessBuilder(
                ChildJvm.command(
                    List.of("-Dmicrovm.images=" + home.resolve("test-images/target/images")),
                    Main.class,
                    "run",
                    "--qmp",
                    "unix:" + control() + ",server=on,wait=on"))
            .redirectErrorStream(true)
            .start();
    console = machine.inputReader();
    while (!Listening.at(control())) {
      assertTrue(machine.isAlive(), () -> "the process ended: " + console.lines().toList());
      Thread.onSpinWait();
    }
    qmp = QmpClient.connect(control(), LIMIT);
    awaitConsole("GUEST READY");
  }

  @AfterAll
  void end() throws Exception {
    qmp.close();
    machine.destroyForcibly().waitFor();
  }

  private static Path control() {
    return directory.resolve("qmp");
  }

  private void awaitConsole(String expected) throws IOException {
    String line = console.readLine();
    while (line != null && !line.contains(expected)) {
      line = console.readLine();
    }
    assertTrue(line != null, "the console ended before: " + expected);
  }

  private void type(String line) throws IOException {
    machine.outputWriter().write(line + "\n");
    machine.outputWriter().flush();
  }

  private static int microvm(String... args) {
    StringWriter err = new StringWriter();
    int status = Main.execute(new PrintWriter(err, true), args);
    assertEquals("", err.toString());
    return status;
  }

  private static void send(SocketChannel channel, String line) throws IOException {
    channel.write(ByteBuffer.wrap((line + "\n").getBytes(StandardCharsets.UTF_8)));
  }

  @Test
  @Order(1)
  void portAdd_whileTheGuestRuns_makesAChannelAndPortRemoveTakesItAway() throws Exception {
    Path socket = directory.resolve("hot");
    String where = control().toString();

    microvm("port", "add", "--qmp", where, "org.example.hot", "--socket", socket.toString());
    try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
      type(
          "p=/dev/virtio-ports/org.example.hot; until [ -e $p ]; do :; done;"
              + " while read -r a; do echo \"got $a\"; done <>$p >&0");
      assertTrue(qmp.awaitEvent("VSERPORT_CHANGE").path("open").asBoolean());
      BufferedReader answers =
          new BufferedReader(Channels.newReader(channel, StandardCharsets.UTF_8));
      send(channel, "one");
      assertEquals("got one", answers.readLine());
    }
    microvm("port", "remove", "--qmp", where, "org.example.hot");

    assertEquals("org.example.hot", qmp.awaitEvent("DEVICE_DELETED").path("device").asText());
    assertFalse(Files.exists(socket));
    type("until ! [ -e $p ]; do :; done; echo the port is gone");
    awaitConsole("the port is gone");
  }

  @Test
  @Order(2)
  void stop_holdsTheGuestAndCont_letsItGoOn() throws Exception {
    qmp.execute("stop");
    qmp.awaitEvent("STOP");
    assertEquals("paused", qmp.execute("query-status").path("status").asText());
    type("echo typed while it stood still");

    qmp.execute("cont");

    qmp.awaitEvent("RESUME");
    awaitConsole("typed while it stood still");
    assertTrue(qmp.execute("query-status").path("running").asBoolean());
  }

  @Test
  @Order(3)
  void systemReset_startsTheGuestAgain() throws Exception {
    qmp.execute("system_reset");

    assertEquals("host-qmp-system-reset", qmp.awaitEvent("RESET").path("reason").asText());
    awaitConsole("GUEST READY");
    assertEquals(1, qmp.execute("x-exit-stats").path("resets").asInt());
  }

  @Test
  @Order(4)
  void quit_endsTheProcess() throws Exception {
    assertEquals(0, microvm("ctl", "--qmp", control().toString(), "quit"));

    assertEquals("host-qmp-quit", qmp.awaitEvent("SHUTDOWN").path("reason").asText());
    assertTrue(machine.waitFor(30, TimeUnit.SECONDS));
    assertEquals(List.of(0, false), List.of(machine.exitValue(), Files.exists(control())));
  }
}
