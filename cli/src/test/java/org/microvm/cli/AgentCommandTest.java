package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.microvm.agent.FakeAgent;
import org.microvm.agent.HostAgent;
import org.microvm.testing.ChildJvm;

/** {@code microvm agent}: options, output and exit status. */
@Timeout(30)
class AgentCommandTest {
  private final InputStream originalIn = System.in;
  private final PrintStream originalOut = System.out;
  private final PrintStream originalErr = System.err;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @BeforeEach
  void redirect() {
    System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
    System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
    input("");
  }

  @AfterEach
  void restore() {
    System.setIn(originalIn);
    System.setOut(originalOut);
    System.setErr(originalErr);
  }

  private static void input(String text) {
    System.setIn(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)));
  }

  private static int agent(FakeAgent agent, String... args) {
    return agent(agent.socket().toString(), args);
  }

  private static int agent(String socket, String... args) {
    String[] all = new String[args.length + 3];
    all[0] = "agent";
    all[1] = "--socket";
    all[2] = socket;
    System.arraycopy(args, 0, all, 3, args.length);
    return Main.execute(new PrintWriter(System.err, true), all);
  }

  private String firstError() {
    return err.toString(StandardCharsets.UTF_8).lines().findFirst().orElse("");
  }

  private String lastError() {
    return err.toString(StandardCharsets.UTF_8).lines().reduce("", (_, last) -> last);
  }

  @Test
  void ping_answered_isSilentSuccess() throws IOException {
    try (FakeAgent agent = FakeAgent.answering(Map.of("guest-ping", "{}"))) {
      assertEquals(0, agent(agent, "ping"));
    }
    assertEquals("", out.toString(StandardCharsets.UTF_8));
  }

  @Test
  void ping_noSocket_isOneLineAndFailure() {
    assertEquals(1, agent("/nowhere/agent.sock", "ping"));
    assertEquals("microvm: --socket /nowhere/agent.sock: there is no such socket", firstError());
  }

  @Test
  void ping_agentSilent_isOneLineAndFailure() throws IOException {
    try (FakeAgent agent = FakeAgent.playing(peer -> peer.any())) {
      assertEquals(1, agent(agent, "--timeout", "1", "ping"));
    }
    assertTrue(firstError().startsWith("microvm: "), firstError());
  }

  @Test
  void badArguments_areUsageErrors() throws IOException {
    try (FakeAgent agent = FakeAgent.answering(Map.of())) {
      assertEquals(2, agent(agent, "fly"));
      assertEquals(2, agent(agent, "--timeout", "0", "ping"));
      assertEquals(2, agent(agent, "cp", "a", "b"));
      assertEquals(2, agent(agent, "cp", ":a", ":b"));
      assertEquals(2, agent(agent, "call", "guest-ping", "{"));
      assertEquals(2, agent(agent, "call", "guest-ping", "[]"));
      assertEquals(2, agent(agent, "shutdown", "--mode", "explode"));
      assertEquals(2, agent(agent, "exec"));
    }
    assertEquals(2, Main.execute(new PrintWriter(System.err, true), "agent", "ping"));
  }

  @Test
  void call_printsWhatIsReturned() throws IOException {
    try (FakeAgent agent = FakeAgent.answering(request -> request.get("arguments").toString())) {
      assertEquals(0, agent(agent, "call", "guest-anything", "{\"a\": [1, 2]}"));
    }
    assertEquals("{\"a\":[1,2]}", out.toString(StandardCharsets.UTF_8).strip());
  }

  @Test
  void call_misspeltCommand_hasAHint() throws IOException {
    String info =
        """
        {"version": "7.2", "supported_commands":
          [{"name": "guest-ping", "enabled": true, "success-response": true}]}
        """;
    try (FakeAgent agent = FakeAgent.answering(Map.of("guest-info", info))) {
      assertEquals(1, agent(agent, "call", "guest-pign"));
    }
    assertEquals(
        "microvm: guest-pign: The command guest-pign has not been found (CommandNotFound);"
            + " did you mean guest-ping?",
        firstError());
  }

  @Test
  void call_unknownCommand_isOneLineAndFailure() throws IOException {
    try (FakeAgent agent = FakeAgent.answering(Map.of())) {
      assertEquals(1, agent(agent, "call", "guest-fly"));
    }
    assertEquals(
        "microvm: guest-fly: The command guest-fly has not been found (CommandNotFound)",
        firstError());
  }

  @Test
  void exec_streamsAndStatusArePassedOn() throws IOException {
    input("to the guest");
    try (FakeAgent agent = FakeAgent.playing(new HostAgent())) {
      assertEquals(5, agent(agent, "exec", "--", "sh", "-c", "cat; echo err >&2; exit 5"));
    }
    assertEquals("to the guest", out.toString(StandardCharsets.UTF_8));
    assertEquals("err\n", err.toString(StandardCharsets.UTF_8));
  }

  @Test
  void exec_wordsThatLookLikeArgumentFiles_areUnchanged() throws IOException {
    try (FakeAgent agent = FakeAgent.playing(new HostAgent())) {
      assertEquals(0, agent(agent, "exec", "-n", "--", "echo", "@/etc/hostname", "@@a", "-n"));
    }
    assertEquals("@/etc/hostname @@a -n\n", out.toString(StandardCharsets.UTF_8));
  }

  @Test
  void exec_inputThatStaysOpen_doesNotHoldTheProgram() throws IOException {
    PipedInputStream open = new PipedInputStream(new PipedOutputStream());
    System.setIn(open);
    try (FakeAgent agent = FakeAgent.playing(new HostAgent())) {
      assertEquals(0, agent(agent, "exec", "--", "true"));
    }
  }

  @Test
  void exec_inputThatStaysOpen_andAgentThatIsSilent_endsWhenTheTimeIsUp() throws IOException {
    System.setIn(new PipedInputStream(new PipedOutputStream()));
    try (FakeAgent agent = FakeAgent.playing(peer -> peer.any())) {
      assertEquals(255, agent(agent, "--timeout", "1", "exec", "--", "true"));
    }
  }

  @Test
  void exec_programOfTheGuestThatDoesNotEnd_isEndedAtTheLimit() throws IOException {
    try (FakeAgent agent = FakeAgent.playing(new HostAgent())) {
      assertEquals(124, agent(agent, "exec", "--limit", "1", "--", "sleep", "1000"));
    }
    assertEquals("microvm: 'sleep' did not end within 1000 ms", firstError());
  }

  @Test
  void exec_noSuchProgram_is255() throws IOException {
    try (FakeAgent agent = FakeAgent.playing(new HostAgent())) {
      assertEquals(255, agent(agent, "exec", "-n", "--", "no-such-program"));
    }
    assertEquals(
        "microvm: guest-exec: 'no-such-program': No such file or directory (GenericError)",
        firstError());
  }

  @Test
  void cp_intoADirectoryOfTheGuest_keepsTheName(@TempDir Path directory) throws IOException {
    Path file = Files.writeString(directory.resolve("notes.txt"), "text");
    try (FakeAgent agent =
        FakeAgent.answering(
            Map.of(
                "guest-file-open", "1",
                "guest-file-write", "{\"count\": 4, \"eof\": false}",
                "guest-file-close", "{}"))) {
      assertEquals(0, agent(agent, "cp", file.toString(), ":/tmp/"));
      assertEquals("/tmp/notes.txt", agent.requests().getFirst().at("/arguments/path").asText());
    }
  }

  @Test
  void cp_standardInput_makesAFileThatOnlyItsOwnerMayWrite(@TempDir Path directory)
      throws IOException {
    Path target = directory.resolve("target");
    input("text");
    try (FakeAgent agent = FakeAgent.playing(new HostAgent())) {
      assertEquals(0, agent(agent, "cp", "-", ":" + target));
    }
    assertEquals("text", Files.readString(target));
    assertEquals("rw-r--r--", PosixFilePermissions.toString(Files.getPosixFilePermissions(target)));
    assertEquals("", firstError());
  }

  @Test
  void cp_programOfTheHost_canBeRunInTheGuest(@TempDir Path directory) throws IOException {
    Path program = Files.writeString(directory.resolve("program"), "#!/bin/sh\necho it runs\n");
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxrwxr-x"));
    Path target = Files.createDirectory(directory.resolve("bin")).resolve("program");
    try (FakeAgent agent = FakeAgent.playing(new HostAgent())) {
      assertEquals(0, agent(agent, "cp", program.toString(), ":" + target.getParent() + "/"));
      assertEquals(0, agent(agent, "exec", "-n", "--", target.toString()));
    }
    assertEquals("it runs", out.toString(StandardCharsets.UTF_8).strip());
    assertEquals("rwxr-xr-x", PosixFilePermissions.toString(Files.getPosixFilePermissions(target)));
  }

  @Test
  void cp_agentThatRunsNoPrograms_warnsOfTheMode(@TempDir Path directory) throws IOException {
    Path file = Files.writeString(directory.resolve("key"), "text");
    Path target = directory.resolve("target");
    try (FakeAgent agent = FakeAgent.playing(HostAgent.withoutPrograms())) {
      assertEquals(0, agent(agent, "cp", file.toString(), ":" + target));
    }
    assertEquals("text", Files.readString(target));
    assertEquals(
        "microvm: all users of the guest may write %s: the agent cannot run chmod there"
            .formatted(target),
        firstError());
  }

  @Test
  void cp_outOfTheGuest_toFileDirectoryAndStream(@TempDir Path directory) throws IOException {
    Map<String, String> answers =
        Map.of(
            "guest-file-open", "1",
            "guest-file-read", "{\"count\": 2, \"eof\": true, \"buf-b64\": \"AP8=\"}",
            "guest-file-close", "{}");
    byte[] content = {0, (byte) 0xff};
    try (FakeAgent agent = FakeAgent.answering(answers)) {
      assertEquals(0, agent(agent, "cp", ":/tmp/x", directory.resolve("y").toString()));
      assertEquals(0, agent(agent, "cp", ":/tmp/x", directory.toString()));
      assertEquals(0, agent(agent, "cp", ":/tmp/x", "-"));
    }
    assertArrayEquals(content, Files.readAllBytes(directory.resolve("y")));
    assertArrayEquals(content, Files.readAllBytes(directory.resolve("x")));
    assertArrayEquals(content, out.toByteArray());
  }

  @Test
  void wait_agentThatAnswers_isSuccess() throws IOException {
    try (FakeAgent agent = FakeAgent.answering(Map.of())) {
      assertEquals(0, agent(agent, "--timeout", "20", "wait"));
    }
  }

  @Test
  void wait_socketOfAnEndedMachine_isGivenUpWhenTheTimeIsUp(@TempDir Path directory)
      throws IOException {
    Path socket = directory.resolve("agent");
    ServerSocketChannel.open(StandardProtocolFamily.UNIX)
        .bind(UnixDomainSocketAddress.of(socket))
        .close();

    assertEquals(1, agent(socket.toString(), "--timeout", "1", "wait"));

    assertTrue(firstError().startsWith("microvm: cannot connect to " + socket), firstError());
  }

  @Test
  void users_listed() throws IOException {
    try (FakeAgent agent =
        FakeAgent.answering(
            Map.of("guest-get-users", "[{\"user\": \"root\", \"login-time\": 0.5}]"))) {
      assertEquals(0, agent(agent, "users"));
    }
    assertEquals("root 1970-01-01T00:00:00.500Z", out.toString(StandardCharsets.UTF_8).strip());
  }

  private static final Map<String, String> FREEZER =
      Map.of(
          "guest-fsfreeze-freeze", "2",
          "guest-fsfreeze-thaw", "2",
          "guest-fsfreeze-status", "\"thawed\"");

  private static List<String> commands(FakeAgent agent) {
    return agent.requests().stream().map(request -> request.path("execute").asText()).toList();
  }

  @Test
  void freeze_thawsAfterTheProgram_andHasItsStatus() throws IOException {
    try (FakeAgent agent = FakeAgent.answering(FREEZER)) {
      assertEquals(3, agent(agent, "freeze", "--", "sh", "-c", "exit 3"));
      assertEquals(
          List.of("guest-fsfreeze-freeze", "guest-fsfreeze-thaw", "guest-fsfreeze-status"),
          commands(agent));
    }
    assertEquals("microvm: 2 file systems are frozen", firstError());
  }

  @Test
  void freeze_programThatDoesNotEnd_isEndedAtTheLimitAndThawed() throws IOException {
    try (FakeAgent agent = FakeAgent.answering(FREEZER)) {
      assertEquals(124, agent(agent, "freeze", "--limit", "1", "sleep", "1000"));
      assertTrue(commands(agent).contains("guest-fsfreeze-thaw"));
    }
  }

  @Test
  void freeze_programThatIsNotThere_isThawed() throws IOException {
    try (FakeAgent agent = FakeAgent.answering(FREEZER)) {
      assertEquals(255, agent(agent, "freeze", "--", "no-such-program"));
      assertTrue(commands(agent).contains("guest-fsfreeze-thaw"));
      assertEquals("microvm: cannot run 'no-such-program': No such file or directory", lastError());
    }
  }

  @ParameterizedTest
  @CsvSource({"TERM, 143", "TSTP, 148"})
  void freeze_signal_thaws(String signal, int status) throws Exception {
    try (FakeAgent agent = FakeAgent.answering(FREEZER)) {
      Process process =
          process(agent, "freeze", "--", "sh", "-c", "echo runs; exec sleep 1000")
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      assertEquals("runs", process.inputReader().readLine());

      new ProcessBuilder("kill", "-" + signal, Long.toString(process.pid())).start().waitFor();

      assertEquals(status, process.waitFor());
      assertTrue(commands(agent).contains("guest-fsfreeze-thaw"), commands(agent).toString());
    }
  }

  @Test
  void freeze_sigtermTwice_thawsAndHasTheStatusOfTheSignal() throws Exception {
    try (FakeAgent agent = FakeAgent.answering(FREEZER)) {
      Process process =
          process(agent, "freeze", "--", "sh", "-c", "echo runs; exec sleep 1000")
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      assertEquals("runs", process.inputReader().readLine());

      process.destroy();
      process.destroy();

      assertEquals(143, process.waitFor());
      assertTrue(commands(agent).contains("guest-fsfreeze-thaw"), commands(agent).toString());
    }
  }

  /** The source delivers nothing and stays open, as a terminal where nobody types. */
  @Test
  void copyOfWaitingInput_sigterm_ends() throws Exception {
    CountDownLatch written = new CountDownLatch(1);
    FakeAgent.Returns returns =
        request ->
            switch (request.path("execute").asText()) {
              case "guest-file-open" -> "7";
              case "guest-file-write" -> {
                written.countDown();
                yield "{\"count\":1,\"eof\":false}";
              }
              default -> "{}";
            };
    try (FakeAgent agent = FakeAgent.answering(returns)) {
      Process process = process(agent, "cp", "-", ":/tmp/x").start();
      process.getOutputStream().write('a');
      process.getOutputStream().flush();
      written.await();

      // Not destroy() of the process, which would close its input.
      process.toHandle().destroy();

      assertEquals(143, process.waitFor());
      assertEquals(
          "microvm: interrupted while reading the input; :/tmp/x may be incomplete",
          process.errorReader().readLine());
      assertTrue(commands(agent).contains("guest-file-close"), commands(agent).toString());
    }
  }

  @Test
  void copyOut_slowAgent_showsProgressOnATerminal(@TempDir Path directory) throws Exception {
    CountDownLatch shown = new CountDownLatch(1);
    AtomicInteger reads = new AtomicInteger();
    FakeAgent.Returns returns =
        request ->
            switch (request.path("execute").asText()) {
              case "guest-file-open" -> "7";
              case "guest-exec" -> "{\"pid\": 1}";
              case "guest-exec-status" -> "{\"exited\": true, \"exitcode\": 127}";
              case "guest-file-read" -> {
                if (reads.incrementAndGet() > 1) {
                  await(shown);
                }
                String bytes = reads.get() > 1 ? "" : "AAAA".repeat(20_000);
                yield "{\"eof\": %b, \"buf-b64\": \"%s\"}".formatted(reads.get() > 1, bytes);
              }
              default -> "{}";
            };
    try (FakeAgent agent = FakeAgent.answering(returns)) {
      String target = directory.resolve("copy").toString();
      List<String> words = process(agent, "cp", ":/f", target).command();
      ProcessBuilder builder =
          new ProcessBuilder("script", "-qec", String.join(" ", words), "/dev/null");
      builder.environment().put("TERM", "xterm");
      Process process = builder.redirectErrorStream(true).start();
      StringBuilder output = new StringBuilder();
      while (!output.toString().contains("MiB/s")) {
        int next = process.inputReader().read();
        assertTrue(next >= 0, output.toString());
        output.append((char) next);
      }
      shown.countDown();
      assertEquals(0, process.waitFor());
      assertTrue(output.toString().contains("0.1 MiB"), output.toString());
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static ProcessBuilder process(FakeAgent agent, String... args) {
    ProcessBuilder builder = new ProcessBuilder("env", "--default-signal");
    String socket = agent.socket().toString();
    builder.command().addAll(ChildJvm.command(Main.class, "agent", "--socket", socket));
    builder.command().addAll(List.of(args));
    return builder;
  }
}
