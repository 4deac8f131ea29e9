package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.microvm.cli.named.MachineName;
import org.microvm.cli.named.Machines;
import org.microvm.cli.named.Registration;
import org.microvm.spice.Clipboard;
import org.microvm.testing.ChildJvm;

/** What commands that show a machine say when it ends. */
@Timeout(60)
class MachineEndTest {
  private static final String MACHINES = "microvm.machines";

  @TempDir private Path directory;
  private Registration machine;
  private ServerSocketChannel control;
  private ServerSocketChannel console;

  /** Counted down once a client of the control socket gets events. */
  private final CountDownLatch connected = new CountDownLatch(1);

  /** Counted down when the machine ends. */
  private final CountDownLatch end = new CountDownLatch(1);

  @BeforeEach
  void begin() throws IOException {
    System.setProperty(MACHINES, directory.resolve("microvm").toString());
    machine = Machines.ofUser().register(new MachineName("web"), true);
    control = listen(machine.files().control());
    console = listen(machine.files().console());
  }

  private static ServerSocketChannel listen(Path path) throws IOException {
    ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    listener.bind(UnixDomainSocketAddress.of(path));
    return listener;
  }

  @AfterEach
  void end() throws IOException {
    System.clearProperty(MACHINES);
    end.countDown();
    control.close();
    console.close();
    machine.close();
  }

  /** Serves one client until the machine ends with these events. */
  private void serve(List<String> events) {
    try (SocketChannel client = control.accept()) {
      send(client, "{\"QMP\": {}}");
      BufferedReader requests =
          new BufferedReader(Channels.newReader(client, StandardCharsets.UTF_8));
      send(client, "{\"return\": {}, \"id\": %s}".formatted(id(requests.readLine())));
      connected.countDown();
      end.await();
      for (String event : events) {
        send(client, event);
      }
    } catch (IOException | InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String id(String request) {
    return request.replaceAll(".*\"id\":([0-9]+).*", "$1");
  }

  private static void send(SocketChannel client, String line) throws IOException {
    client.write(ByteBuffer.wrap((line + "\n").getBytes(StandardCharsets.UTF_8)));
  }

  private static List<String> shutdown(String reason) {
    return reason == null
        ? List.of()
        : List.of("{\"event\": \"SHUTDOWN\", \"data\": {\"reason\": \"%s\"}}".formatted(reason));
  }

  /** Starts {@code console}, whose input does not end. */
  private Process attach() throws IOException {
    List<String> options = List.of("-D" + MACHINES + "=" + directory.resolve("microvm"));
    return new ProcessBuilder(ChildJvm.command(options, Main.class, "console", "web")).start();
  }

  private static String outcome(Process process) throws Exception {
    String said = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
    return (process.waitFor() + " " + said).strip();
  }

  @ParameterizedTest
  @CsvSource({
    "guest-shutdown, 0",
    "host-qmp-quit, 0",
    "guest-panic, 1 microvm: the guest of web panicked",
    ", 1 microvm: the process of web was killed or crashed"
  })
  void console_reportsHowTheMachineHasEnded(String reason, String expected) throws Exception {
    Thread.ofVirtual().start(() -> serve(shutdown(reason)));
    Process process = attach();
    SocketChannel viewer = console.accept();
    connected.await();
    end.countDown();
    viewer.close();

    assertEquals(expected, outcome(process));
  }

  @ParameterizedTest
  @CsvSource({
    "guest-shutdown, 0",
    "guest-panic, 1 microvm: the guest of web panicked",
    ", 1 microvm: the process of web was killed or crashed"
  })
  void clipboardWatch_reportsHowTheMachineHasEnded(String reason, String expected)
      throws Exception {
    Thread.ofVirtual().start(() -> serve(shutdown(reason)));
    StringWriter err = new StringWriter();
    try (ServerSocketChannel server = listen(machine.files().clipboard())) {
      CompletableFuture<Integer> status =
          CompletableFuture.supplyAsync(
              () -> Main.execute(new PrintWriter(err), "clipboard", "watch", "web"));
      try (Clipboard agent = Clipboard.over(server.accept())) {
        agent.connected().get(1, TimeUnit.MINUTES);
        connected.await();
        end.countDown();
      }

      assertEquals(expected, (status.get() + " " + err).strip());
    }
  }

  @Test
  void consoleOfAMachineThatContinues_saysSo() throws Exception {
    Thread.ofVirtual().start(() -> serve(List.of()));
    Process process = attach();
    console.accept().close();

    assertEquals(
        "1 microvm: the machine web has closed this connection to its console, and continues",
        outcome(process));
  }

  @ParameterizedTest
  @CsvSource({
    "guest-shutdown, 0",
    "guest-panic, 1 microvm: the guest of web panicked",
    ", 1 microvm: the process of web was killed or crashed"
  })
  void top_reportsHowTheMachineHasEnded(String reason, String expected) throws Exception {
    Thread.ofVirtual().start(() -> serve(shutdown(reason)));
    Thread.ofVirtual().start(this::endOnceConnected);
    StringWriter err = new StringWriter();

    int status = Main.execute(new PrintWriter(err), "top", "web", "--json");

    assertEquals(expected, (status + " " + err).strip());
  }

  private void endOnceConnected() {
    try {
      if (connected.await(1, TimeUnit.MINUTES)) {
        end.countDown();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
