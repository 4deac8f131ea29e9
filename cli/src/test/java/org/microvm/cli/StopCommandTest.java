package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.agent.FakeAgent;
import org.microvm.cli.named.Description;
import org.microvm.cli.named.MachineName;
import org.microvm.cli.named.Machines;
import org.microvm.cli.named.Registration;

/** {@code microvm stop} and a machine without a power button. */
@Timeout(60)
class StopCommandTest {
  private static final String MACHINES = "microvm.machines";

  @TempDir private Path directory;
  private Registration machine;
  private ServerSocketChannel control;

  /** What a machine with a power button sends before its process ends. */
  private Optional<List<String>> button = Optional.empty();

  @BeforeEach
  void begin() throws IOException {
    System.setProperty(MACHINES, directory.resolve("microvm").toString());
    machine = Machines.ofUser().register(new MachineName("web"), true);
    control = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    control.bind(UnixDomainSocketAddress.of(machine.files().control()));
  }

  @AfterEach
  void end() throws IOException {
    System.clearProperty(MACHINES);
    control.close();
    machine.close();
  }

  /** Answers as a machine does; {@code quit} ends it. */
  private void serve(boolean guestListens) {
    Thread.ofVirtual().start(() -> acceptAll(guestListens));
  }

  private void acceptAll(boolean guestListens) {
    try {
      while (true) {
        SocketChannel client = control.accept();
        Thread.ofVirtual().start(() -> answerAll(client, guestListens));
      }
    } catch (IOException closed) {
      // The test ends.
    }
  }

  private void answerAll(SocketChannel client, boolean guestListens) {
    Map<String, String> answers =
        Map.of(
            "query-status",
            "\"return\": {\"status\": \"running\"}",
            "system_powerdown",
            button.isEmpty()
                ? "\"error\": {\"class\": \"GenericError\", \"desc\": \"there is no button\"}"
                : "\"return\": {}",
            "x-query-ports",
            "\"return\": [{\"name\": \"org.qemu.guest_agent.0\", \"guest-open\": %b}]"
                .formatted(guestListens));
    try (BufferedReader requests =
        new BufferedReader(Channels.newReader(client, StandardCharsets.UTF_8))) {
      send(client, "{\"QMP\": {}}");
      for (String line = requests.readLine(); line != null; line = requests.readLine()) {
        String command = line.replaceAll(".*\"execute\":\"([^\"]*)\".*", "$1");
        String id = line.replaceAll(".*\"id\":([0-9]+).*", "$1");
        send(
            client,
            "{%s, \"id\": %s}".formatted(answers.getOrDefault(command, "\"return\": {}"), id));
        if (command.equals("quit")) {
          machine.close();
        }
        if (command.equals("system_powerdown") && !button.isEmpty()) {
          for (String event : button.get()) {
            send(client, event);
          }
          machine.close();
          return;
        }
      }
    } catch (IOException gone) {
      // The client has what it wants.
    }
  }

  /** Stops a machine that ends with these events; returns the status and what was printed. */
  private String stopAndEnd(String... events) {
    button = Optional.of(List.of(events));
    serve(false);
    PrintStream out = System.out;
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    System.setOut(new PrintStream(said, true, StandardCharsets.UTF_8));
    try {
      StringWriter err = new StringWriter();
      int status = Main.execute(new PrintWriter(err), "stop", "web");
      return status + " " + said + err;
    } finally {
      System.setOut(out);
    }
  }

  private static String shutdown(String reason) {
    return "{\"event\": \"SHUTDOWN\", \"data\": {\"reason\": \"%s\"}}".formatted(reason);
  }

  @Test
  void guestThatPowersOff_hasShutDown() {
    assertEquals(
        "0 web shut down (power button)\n",
        stopAndEnd("{\"event\": \"POWERDOWN\"}", shutdown("guest-shutdown")));
  }

  @Test
  void processThatIsKilled_isNotReportedAsAShutdown() {
    assertEquals(
        "1 microvm: the process of web was killed or crashed before the guest had shut down\n",
        stopAndEnd());
  }

  @Test
  void guestThatPanics_isNotReportedAsAShutdown() {
    assertEquals("1 microvm: the guest of web panicked\n", stopAndEnd(shutdown("guest-panic")));
  }

  @Test
  void machineThatIsEndedByAnotherClient_isReportedAsSuch() {
    assertEquals(
        "0 web was ended by another program or a signal before it had shut down\n",
        stopAndEnd(shutdown("host-qmp-quit")));
  }

  @Test
  void guestThatMigrates_isReportedAsMoved() {
    assertEquals(
        "0 the guest of web has moved to another process\n",
        stopAndEnd(
            "{\"event\": \"MIGRATION\", \"data\": {\"status\": \"completed\"}}",
            shutdown("host-qmp-quit")));
  }

  private static void send(SocketChannel client, String line) throws IOException {
    client.write(ByteBuffer.wrap((line + "\n").getBytes(StandardCharsets.UTF_8)));
  }

  @Test
  void agentThatDoesNotListen_isNotWaitedFor() throws Exception {
    serve(false);
    StringWriter err = new StringWriter();
    AtomicInteger connections = new AtomicInteger();
    try (FakeAgent agent = FakeAgent.playing(_ -> connections.incrementAndGet())) {
      Files.createSymbolicLink(machine.files().agent(), agent.socket());

      assertEquals(0, Main.execute(new PrintWriter(err), "stop", "web"), err.toString());

      assertEquals(0, connections.get());
    }
  }

  @Test
  void agentThatListens_isAsked() throws Exception {
    serve(true);
    StringWriter err = new StringWriter();
    Map<String, String> answers = Map.of("guest-ping", "{}");
    try (FakeAgent agent = FakeAgent.answering(answers)) {
      Files.createSymbolicLink(machine.files().agent(), agent.socket());

      assertEquals(
          0, Main.execute(new PrintWriter(err), "stop", "web", "--timeout", "1"), err.toString());

      assertTrue(
          agent.requests().stream()
              .anyMatch(request -> request.path("execute").asText().equals("guest-shutdown")),
          agent.requests().toString());
    }
  }

  /** Its control socket is gone before its process is. */
  @Test
  void machineThatIsEnding_isWaitedFor() throws Exception {
    machine.describe(new Description(1, Instant.now(), 1 << 20, 1, "/kernel", false));
    Files.delete(machine.files().control());
    PrintStream out = System.out;
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    System.setOut(new PrintStream(said, true, StandardCharsets.UTF_8));
    try {
      StringWriter err = new StringWriter();
      CompletableFuture<Integer> status =
          CompletableFuture.supplyAsync(() -> Main.execute(new PrintWriter(err), "stop", "web"));
      while (!status.isDone() && !isThere("end-of-machine")) {
        Thread.onSpinWait();
      }
      machine.close();

      assertEquals(0, status.get(), err.toString());
      assertEquals("web was ending already and has ended\n", said.toString());
    } finally {
      System.setOut(out);
    }
  }

  private static boolean isThere(String thread) {
    return Thread.getAllStackTraces().keySet().stream().anyMatch(t -> t.getName().equals(thread));
  }
}
