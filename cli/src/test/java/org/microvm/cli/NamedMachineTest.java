package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.cli.named.MachineName;
import org.microvm.cli.named.Machines;
import org.microvm.cli.named.Registration;
import org.microvm.sandbox.Sandbox;
import org.microvm.testing.ChildJvm;
import org.microvm.testing.RequiresKvm;

/** Machines with names in the background, and the commands that find them. */
@RequiresKvm
@Timeout(120)
class NamedMachineTest {
  private static final String MACHINES = "microvm.machines";

  private static final Path GUESTS =
      Path.of(System.getProperty("microvm.home", "..")).resolve("test-images/target/bare-metal");

  @TempDir private Path directory;

  /** What a command printed, and its status. */
  private record Outcome(int status, String out, String err) {}

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final PrintStream originalOut = System.out;

  @BeforeEach
  void begin() {
    System.setProperty(MACHINES, directory.resolve("microvm").toString());
    System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
  }

  /** Runs a command in this process, which is faster. */
  private Outcome microvm(String... words) {
    out.reset();
    StringWriter err = new StringWriter();
    int status = Main.execute(new PrintWriter(err), words);
    return new Outcome(status, out.toString(StandardCharsets.UTF_8), err.toString());
  }

  /** Runs a command in a process of its own. */
  private Outcome process(String... words) throws Exception {
    Path err = directory.resolve("stderr");
    Process process = command(words).redirectError(err.toFile()).start();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Outcome(process.waitFor(), text, Files.readString(err));
  }

  private ProcessBuilder command(String... words) {
    ProcessBuilder builder =
        new ProcessBuilder(ChildJvm.command(Main.class, words))
            .redirectInput(Path.of("/dev/null").toFile());
    builder.environment().put("XDG_RUNTIME_DIR", directory.toString());
    return builder;
  }

  private Outcome start(String guest, String... more) throws Exception {
    List<String> words = new ArrayList<>(List.of("run", "--detach"));
    if (!List.of(more).contains("--name")) {
      words.addAll(List.of("--name", "web"));
    }
    words.addAll(List.of("-m", "16M", "--kernel", GUESTS.resolve(guest).toString()));
    words.addAll(List.of(more));
    return process(words.toArray(String[]::new));
  }

  private Path machine() {
    return directory.resolve("microvm/web");
  }

  private JsonNode list() throws Exception {
    return new ObjectMapper().readTree(microvm("list", "--json").out());
  }

  private ProcessHandle machineProcess() throws IOException {
    JsonNode json = new ObjectMapper().readTree(machine().resolve("machine.json").toFile());
    return ProcessHandle.of(json.path("pid").asLong()).orElseThrow();
  }

  @AfterEach
  void end() throws Exception {
    System.setOut(originalOut);
    System.clearProperty(MACHINES);
    if (Files.exists(machine().resolve("machine.json"))) {
      machineProcess().destroyForcibly();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"off", "strict"})
  void detachedMachine_isFoundByItsNameUntilItStops(String sandbox) throws Exception {
    assumeTrue(sandbox.equals("off") || Sandbox.landlockVersion() > 0, "no Landlock");
    assertEquals(
        new Outcome(0, "", ""),
        start("serial-echo", "--append", "mode=echo wait=halt", "--sandbox", sandbox));

    JsonNode machine = list().path(0);
    assertEquals("web", machine.path("name").asText());
    assertEquals("running", machine.path("state").asText());
    assertEquals(16 << 20, machine.path("memory").asInt());
    assertTrue(machine.path("detached").asBoolean());

    assertTrue(microvm("ctl", "web", "query-name").out().contains("web"));
    assertTrue(microvm("port", "list", "web").out().contains("org.qemu.guest_agent.0"));
    assertTrue(process("console", "web").out().contains("port 1 \"org.qemu.guest_agent.0\" open"));
    assertTrue(
        microvm("top", "web", "--count", "1", "--interval", "0.01").out().contains("vCPU 0"));

    Outcome again = start("hello");
    assertEquals(Main.FAILED, again.status());
    assertTrue(again.err().startsWith("microvm: --name web: a machine of this name runs already"));

    assertTrue(microvm("stop", "wbe").err().contains("did you mean 'web'?"));
    assertEquals(
        new Outcome(0, "web was powered off (--force)\n", ""), microvm("stop", "web", "--force"));
    assertFalse(Files.exists(machine()));
    assertEquals(0, list().size());
  }

  @Test
  void snapshotByName_isRestoredUnderAnotherName() throws Exception {
    assertEquals(0, start("serial-echo", "--append", "mode=echo wait=halt").status());
    String saved = directory.resolve("saved").toString();
    assertEquals(new Outcome(0, "", ""), microvm("snapshot", "web", saved, "--end"));

    Outcome restored = process("restore", saved, "--name", "copy", "--detach");

    assertEquals(new Outcome(0, "", ""), restored);
    assertTrue(microvm("port", "list", "copy").out().contains("microvm/copy/agent.sock"));
    assertEquals(0, microvm("stop", "copy", "--force").status());
  }

  @Test
  void guestThatMigrates_isFoundUnderItsNewName() throws Exception {
    String address = "unix:" + directory.resolve("move");
    assertEquals(0, start("serial-echo", "--append", "mode=echo wait=halt").status());
    ProcessHandle source = machineProcess();
    assertEquals(
        new Outcome(0, "", ""),
        start(
            "serial-echo",
            "--append",
            "mode=echo wait=halt",
            "--name",
            "other",
            "--incoming",
            address));

    assertEquals(0, microvm("migrate", "web", address).status());

    source.onExit().join();
    assertEquals(1, list().size());
    assertTrue(microvm("ctl", "other", "query-status").out().contains("running"));
    assertTrue(Files.exists(directory.resolve("microvm/other/agent.sock")));
    assertEquals(0, microvm("stop", "other", "--force").status());
  }

  @Test
  void machineThatWaitsForAGuest_canBeStopped() throws Exception {
    String address = "unix:" + directory.resolve("move");
    assertEquals(new Outcome(0, "", ""), start("spin", "--incoming", address));

    assertEquals("inmigrate", list().path(0).path("state").asText());
    assertEquals(
        new Outcome(0, "web had not started its guest yet and ended\n", ""),
        microvm("stop", "web"));
    assertEquals(0, list().size());
  }

  @Test
  void machineThatCannotStart_leavesItsErrorAndNothingElse() throws Exception {
    Outcome outcome = start("missing");

    assertEquals(Main.FAILED, outcome.status());
    assertEquals("", outcome.out());
    assertEquals(1, outcome.err().lines().count(), outcome.err());
    assertTrue(outcome.err().startsWith("microvm: kernel "), outcome.err());
    assertFalse(Files.exists(machine()));
    assertFalse(Files.exists(directory.resolve("microvm/.ended")));
  }

  @Test
  void fileThatCannotBeWritten_isNamedAndNothingIsLeft() throws Exception {
    ProcessBuilder builder =
        command("run", "--name", "web", "--kernel", GUESTS.resolve("hello").toString());
    builder.command().addAll(0, List.of("sh", "-c", "ulimit -f 0; exec \"$@\"", "sh"));
    Process process = builder.redirectErrorStream(true).start();

    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

    assertEquals(Main.FAILED, process.waitFor());
    assertEquals(
        "microvm: --name web: %s: File too large\n".formatted(machine().resolve("lock")), text);
    assertFalse(Files.exists(machine()));
  }

  @Test
  void killedMachine_isForgottenAndItsLogsAreKept() throws Exception {
    assertEquals(0, start("spin").status());
    ProcessHandle process = machineProcess();
    process.destroyForcibly();
    process.onExit().join();

    assertEquals(0, list().size());
    assertFalse(Files.exists(machine()));
    assertTrue(Files.exists(directory.resolve("microvm/.ended/web/console.log")));
    Outcome console = microvm("console", "web");
    assertEquals(Main.FAILED, console.status());
    assertTrue(console.err().contains("the logs of an earlier one are in "), console.err());
  }

  @Test
  void stoppedProcess_isReportedByWhatWaitsForIt() throws Exception {
    assertEquals(0, start("spin").status());
    String pid = Long.toString(machineProcess().pid());
    assertEquals(0, new ProcessBuilder("kill", "-STOP", pid).start().waitFor());

    Outcome outcome = process("ctl", "web", "query-status", "--timeout", "1");

    assertEquals("no answer", list().path(0).path("state").asText());
    assertEquals(Main.FAILED, outcome.status());
    assertEquals("", outcome.out());
    assertEquals(
        "microvm: process %s of machine web is stopped (SIGSTOP) and cannot answer; resume it with: kill -CONT %s"
            .formatted(pid, pid),
        outcome.err().lines().findFirst().orElseThrow());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ctl web query-status",
        "port list web",
        "console web",
        "agent web ping",
        "snapshot web saved",
        "migrate web unix:there",
        "top web",
        "clipboard get web"
      })
  void startingMachine_isReportedByEachCommand(String words) throws Exception {
    try (Registration _ = Machines.ofUser().register(new MachineName("web"))) {
      Outcome outcome = microvm(words.split(" "));

      assertEquals(
          new Outcome(
              Main.FAILED,
              "",
              "microvm: the machine 'web' is still starting: try again once `microvm list` shows"
                  + " that it runs\n"),
          outcome);
    }
  }

  @Test
  void machineThatWaitsForAClient_isNeitherSavedNorHeldUp() throws Exception {
    Process waiting =
        command(
                "run",
                "--name",
                "web",
                "-m",
                "16M",
                "--kernel",
                GUESTS.resolve("spin").toString(),
                "--chardev",
                "socket,id=a,server=on,path=" + directory.resolve("a"),
                "--device",
                "virtserialport,chardev=a,name=a")
            .start();
    while (!Listening.at(machine().resolve("qmp.sock"))) {
      assertTrue(waiting.isAlive());
      Thread.onSpinWait();
    }

    Outcome saved = microvm("snapshot", "web", directory.resolve("saved").toString());

    // The control socket is there a moment before the machine is started and waits.
    assertTrue(
        Set.of(
                "microvm: the guest has not started: it waits for clients of channels with wait=on\n",
                "microvm: only a running or paused machine can be saved\n")
            .contains(saved.err()),
        saved.err());
    assertEquals("prelaunch", list().path(0).path("state").asText());
    assertEquals(
        new Outcome(0, "web had not started its guest yet and ended\n", ""),
        microvm("stop", "web"));
  }

  @Test
  void badNames_areUsageErrors() throws Exception {
    assertEquals(Main.USAGE, microvm("run", "--name", "a/b").status());
    assertEquals(Main.USAGE, microvm("run", "--detach").status());
    assertEquals(Main.USAGE, microvm("stop", "../x").status());
    assertEquals(Main.USAGE, microvm("top").status());
  }
}
