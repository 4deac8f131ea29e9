package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
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
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.testing.ChildJvm;

/** Commands and a machine that takes its time to answer. */
@Timeout(60)
class SlowMachineTest {
  private static final String GREETING = "{\"QMP\": {\"version\": {}, \"capabilities\": []}}";

  private static final String ENTERED_SCREEN = "\033[?1049h";
  private static final String LEFT_SCREEN = "\033[?1049l";

  @TempDir private Path directory;
  private final StringWriter err = new StringWriter();
  private ServerSocketChannel listener;
  private SocketChannel client;
  private BufferedReader requests;
  private Process command;

  @BeforeEach
  void listen() throws IOException {
    listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    listener.bind(UnixDomainSocketAddress.of(directory.resolve("qmp")));
  }

  @AfterEach
  void close() throws IOException {
    listener.close();
    if (client != null) {
      client.close();
    }
    if (command != null) {
      command.destroyForcibly();
    }
  }

  private void accept() throws IOException {
    client = listener.accept();
    requests =
        new BufferedReader(
            new InputStreamReader(Channels.newInputStream(client), StandardCharsets.UTF_8));
  }

  private void send(String line) throws IOException {
    client.write(ByteBuffer.wrap((line + "\n").getBytes(StandardCharsets.UTF_8)));
  }

  private void answer(String request, String result) throws IOException {
    send("{\"return\": %s, \"id\": %s}".formatted(result, id(request)));
  }

  private void refuse(String request, String why) throws IOException {
    send(
        "{\"error\": {\"class\": \"GenericError\", \"desc\": \"%s\"}, \"id\": %s}"
            .formatted(why, id(request)));
  }

  private static String id(String request) {
    return request.replaceAll(".*\"id\":([0-9]+).*", "$1");
  }

  private String next(String command) throws IOException {
    String request = requests.readLine();
    assertTrue(request.contains('"' + command + '"'), request);
    return request;
  }

  private String negotiated() throws IOException {
    send(GREETING);
    answer(requests.readLine(), "{}");
    return requests.readLine();
  }

  private int execute(String... args) {
    return Main.execute(new PrintWriter(err, true), args);
  }

  private void start(String... args) throws IOException {
    command = new ProcessBuilder(words(args)).start();
  }

  private List<String> words(String... args) {
    // A shell starts a background job with SIGINT ignored, and its children inherit that.
    List<String> words = new ArrayList<>(List.of("env", "--default-signal=INT"));
    words.addAll(ChildJvm.command(Main.class, args));
    words.addAll(List.of("--qmp", directory.resolve("qmp").toString()));
    return words;
  }

  /** Starts a command whose standard streams are a terminal of its own. */
  private void startOnTerminal(String... args) throws IOException {
    // A script, because the class path may be longer than an argument of script(1) can be.
    Path script = directory.resolve("run");
    Files.writeString(script, "exec '" + String.join("' '", words(args)) + "'\n");
    ProcessBuilder builder = new ProcessBuilder("script", "-qec", "sh " + script, "/dev/null");
    builder.environment().put("TERM", "xterm");
    command = builder.redirectErrorStream(true).start();
  }

  private void awaitShown(String end) throws IOException {
    StringBuilder shown = new StringBuilder();
    while (!shown.toString().endsWith(end)) {
      int next = command.getInputStream().read();
      assertTrue(next >= 0, shown.toString());
      shown.append((char) next);
    }
  }

  private void type(char key) throws IOException {
    command.getOutputStream().write(key);
    command.getOutputStream().flush();
  }

  private void interrupt() throws Exception {
    String pid = Long.toString(command.pid());
    assertEquals(0, new ProcessBuilder("kill", "-INT", pid).start().waitFor());
  }

  private void assertEnds(int status, String message) throws Exception {
    assertTrue(command.waitFor(30, TimeUnit.SECONDS), "it does not end");
    String said = new String(command.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(message, said.strip());
    assertEquals(status, command.exitValue());
  }

  @Test
  void timeout_isAnOption() throws Exception {
    int status =
        execute(
            "ctl", "--timeout", "1", "--qmp", directory.resolve("qmp").toString(), "query-status");

    assertEquals(Main.FAILED, status);
    assertEquals(
        "microvm: --timeout: the greeting did not arrive within 1 s;"
            + " the machine still executes a command that it has received\n",
        err.toString());
  }

  @Test
  void lineOnATerminal_isRemovedByCtrlC() throws Exception {
    startOnTerminal("port", "list");
    accept();
    awaitShown("waiting for the greeting: 1 s");

    type('\003');

    String rest = new String(command.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertTrue(rest.endsWith(StatusLine.CLEAR), rest);
  }

  @Test
  void top_givesTheScreenBackAtCtrlZ() throws Exception {
    startOnTerminal("top");
    accept();
    answer(negotiated(), "{}");
    answer(next("x-exit-stats"), "{}");
    awaitShown(ENTERED_SCREEN);

    type('\032');

    awaitShown(LEFT_SCREEN);
    ProcessHandle top = command.descendants().reduce((_, last) -> last).orElseThrow();
    top.destroyForcibly();
  }

  @Test
  void top_endsByItsKeyWhileTheMachineDoesNotAnswer() throws Exception {
    startOnTerminal("top");
    accept();
    answer(negotiated(), "{}");
    answer(next("x-exit-stats"), "{}");
    next("x-exit-stats");

    type('q');

    awaitShown(LEFT_SCREEN);
    assertTrue(command.waitFor(30, TimeUnit.SECONDS), "it does not end");
    assertEquals(0, command.exitValue());
  }

  @Test
  void snapshotWithEnd_isOneCommandThatIsWaitedFor() throws Exception {
    CompletableFuture<Integer> status =
        CompletableFuture.supplyAsync(
            () ->
                execute(
                    "snapshot",
                    "--qmp",
                    directory.resolve("qmp").toString(),
                    "--end",
                    directory.resolve("saved").toString()));
    accept();
    String request = negotiated();

    assertTrue(request.contains("x-snapshot") && request.contains("\"end\":true"), request);
    answer(request, "{}");
    assertEquals(0, status.get(30, TimeUnit.SECONDS), err.toString());
  }

  /** Interrupts {@code port remove} while it waits for the device; returns that request. */
  private String interruptedAtItsRemoval() throws Exception {
    start("port", "remove", "chan");
    accept();
    answer(negotiated(), "[{\"id\": \"chan\", \"name\": \"chan\", \"chardev\": \"c1\"}]");
    String device = next("device_del");
    interrupt();
    return device;
  }

  @Test
  void portRemoveInterrupted_removesBothEnds() throws Exception {
    String device = interruptedAtItsRemoval();

    String status = next("query-status");
    answer(device, "{}");
    answer(status, "{}");
    String chardev = next("chardev-remove");
    assertTrue(chardev.contains("c1"), chardev);
    answer(chardev, "{}");
    assertEnds(130, "microvm: interrupted: the channel chan was removed");
  }

  @Test
  void portRemoveInterrupted_refused_saysThatTheChannelStays() throws Exception {
    String device = interruptedAtItsRemoval();

    String status = next("query-status");
    refuse(device, "Device 'chan' is busy");
    answer(status, "{}");
    assertEquals(null, requests.readLine());
    assertEnds(130, "microvm: interrupted: the channel chan was not removed");
  }

  @Test
  void portRemoveInterruptedAtItsHostEnd_hasRemovedTheChannel() throws Exception {
    start("port", "remove", "chan");
    accept();
    answer(negotiated(), "[{\"id\": \"chan\", \"name\": \"chan\", \"chardev\": \"c1\"}]");
    answer(next("device_del"), "{}");
    String chardev = next("chardev-remove");

    interrupt();

    String status = next("query-status");
    answer(chardev, "{}");
    answer(status, "{}");
    assertEnds(130, "microvm: interrupted: the channel chan was removed");
  }

  @Test
  void ctlInterruptedBeforeTheMachineAnswers_saysThatNothingHappened() throws Exception {
    start("ctl", "stop");
    accept();

    interrupt();

    assertEnds(130, "microvm: interrupted: the machine has received no command and continues");
  }

  @Test
  void ctlInterrupted_saysWhatTheMachineDoes() throws Exception {
    start("ctl", "stop");
    accept();
    negotiated();

    interrupt();

    assertEnds(130, "microvm: interrupted: the machine still executes stop");
  }

  @Test
  void portAddInterrupted_ofAnIdThatIsTaken_leavesThatChannelAlone() throws Exception {
    start("port", "add", "chan", "--pty");
    accept();
    String chardev = negotiated();
    assertTrue(chardev.contains("chardev-add"), chardev);

    interrupt();

    String status = next("query-status");
    refuse(chardev, "Chardev 'chardev-chan' already exists");
    answer(status, "{}");
    assertEquals(null, requests.readLine());
    assertEnds(130, "microvm: interrupted: the channel chan was not added");
  }

  /** Interrupts {@code port add} while it waits for the device; returns that request. */
  private String interruptedAtItsDevice() throws Exception {
    start("port", "add", "chan", "--pty");
    accept();
    answer(negotiated(), "{}");
    String device = next("device_add");
    interrupt();
    return device;
  }

  @Test
  void portAddInterrupted_removesWhatItHasAdded() throws Exception {
    String device = interruptedAtItsDevice();

    String status = next("query-status");
    answer(device, "{}");
    answer(status, "{}");
    answer(next("device_del"), "{}");
    answer(next("chardev-remove"), "{}");
    assertEnds(130, "microvm: interrupted: the channel chan was not added");
  }

  @Test
  void portAddInterrupted_deviceRefused_removesTheHostEndAlone() throws Exception {
    String device = interruptedAtItsDevice();

    String status = next("query-status");
    refuse(device, "Duplicate device ID 'chan'");
    answer(status, "{}");
    answer(next("chardev-remove"), "{}");
    assertEquals(null, requests.readLine());
    assertEnds(130, "microvm: interrupted: the channel chan was not added");
  }

  @Test
  void snapshotInterruptedBeforeTheMachineAnswers_saysThatNothingHappened() throws Exception {
    start("snapshot", directory.resolve("saved").toString(), "--end");
    accept();

    interrupt();

    assertEnds(130, "microvm: interrupted: the machine has received no command and continues");
  }

  @Test
  void snapshotInterrupted_saysWhatTheMachineDoes() throws Exception {
    start("snapshot", "saved", "--end");
    accept();
    negotiated();

    interrupt();

    assertEnds(130, "microvm: interrupted: the machine completes the snapshot saved and ends");
  }

  @Test
  void migrationInterrupted_isCancelled() throws Exception {
    start("migrate", "unix:" + directory.resolve("there"));
    accept();
    String request = negotiated();
    assertTrue(request.contains("x-memory"), request);
    answer(request, "{}");
    request = requests.readLine();
    assertTrue(request.contains("\"migrate\""), request);
    answer(request, "{}");
    // It asks for the progress while it waits for the end.
    request = requests.readLine();
    assertTrue(request.contains("query-migrate"), request);
    answer(request, "{\"status\": \"active\"}");

    interrupt();

    request = requests.readLine();
    while (request.contains("query-migrate")) {
      answer(request, "{\"status\": \"active\"}");
      request = requests.readLine();
    }
    assertTrue(request.contains("migrate_cancel"), request);
    answer(request, "{}");
    send("{\"event\": \"MIGRATION\", \"data\": {\"status\": \"cancelled\"}}");
    assertEnds(130, "microvm: interrupted: the migration is cancelled, the guest continues");
  }
}
