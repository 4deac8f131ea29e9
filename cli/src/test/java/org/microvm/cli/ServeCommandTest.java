package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.microvm.cli.named.MachineName;
import org.microvm.cli.named.Machines;
import org.microvm.cli.named.Registration;
import org.microvm.cli.serve.ServerAnswer;
import org.microvm.cli.serve.ServerClient;
import org.microvm.cli.serve.ServerLimits;
import org.microvm.cli.serve.ServerRequest;
import org.microvm.devices.state.SectionPolicy;
import org.microvm.devices.state.StateWriter;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.qmp.QmpClient;
import org.microvm.testing.ChildJvm;
import org.microvm.testing.RequiresKvm;

/** Servers in this process and in others, with bare-metal guests. */
@RequiresKvm
@Timeout(60)
class ServeCommandTest extends ServerFixture {
  @Test
  void servedMachine_isFoundByItsNameUntilItEnds() throws Exception {
    serve();

    assertEquals(ServerAnswer.done(""), start("web"));

    Machines.Entry machine = machines.find(new MachineName("web"));
    assertTrue(machine.served());
    assertTrue(machine.description().orElseThrow().detached());
    assertEquals("running", state("web"));
    assertTrue(Files.exists(machine.files().console()));
    assertTrue(Files.exists(machine.files().log()));
    quit("web");
    assertTrue(Files.exists(machines.logs(new MachineName("web")).resolve("console.log")));
  }

  @Test
  void restore_ofARelativeDirectory_startsTheSavedGuest() throws Exception {
    serve();
    assertEquals(0, start("web").status());
    try (QmpClient client = qmp("web")) {
      client.execute(
          "x-snapshot",
          QmpClient.arguments().put("directory", directory.resolve("saved").toString()));
    }

    assertEquals(ServerAnswer.done(""), ask("restore", "saved", "--name", "copy", "--detach"));

    assertEquals("running", state("copy"));
    quit("web");
    assertEquals("running", state("copy"));
  }

  @Test
  void socket_isThisUsersAlone() throws Exception {
    serve();

    assertEquals(
        PosixFilePermissions.fromString("rw-------"),
        Files.getPosixFilePermissions(serverFiles.socket()));
  }

  @Test
  void nameThatIsTaken_isRefusedAndTheMachineContinues() throws Exception {
    serve();
    assertEquals(0, start("web").status());

    ServerAnswer again = start("web");

    assertEquals(1, again.status());
    assertTrue(again.message().startsWith("microvm: --name web: a machine of this name runs"));
    assertEquals("running", state("web"));
  }

  @Test
  void optionsOfAProcess_areLeftToAProcessOfTheMachine() throws Exception {
    serve();

    assertEquals(ServerAnswer.ownProcess(), start("a", "--sandbox", "on"));
    assertEquals(ServerAnswer.ownProcess(), start("a", "--qmp", "unix:q,server=on,wait=off"));
    assertEquals(ServerAnswer.ownProcess(), start("a", "--disk", "relative"));
    assertEquals(ServerAnswer.ownProcess(), start("a", "--chardev", "stdio,id=s"));
    assertEquals(ServerAnswer.ownProcess(), start("a", "--chardev", "socket,id=s,fd=3"));
    assertEquals(ServerAnswer.ownProcess(), start("a", "--initrd", "/dev/fd/63"));
    assertEquals(ServerAnswer.ownProcess(), start("a", "--chardev", "null,id=unused"));
    assertEquals(ServerAnswer.ownProcess(), start("a", "--memry", "16M"));
    assertEquals(ServerAnswer.ownProcess(), start("a", "--help"));
    assertEquals(ServerAnswer.ownProcess(), start(".."));
    assertEquals(ServerAnswer.ownProcess(), ask("run", "--name", "a", "--kernel", "spin"));
    assertEquals(List.of(), machines.list());
  }

  @Test
  void clientOfAnotherInstallation_needsAProcessOfItsOwn() throws Exception {
    serve();
    try (ServerClient client = ServerClient.connect(serverFiles.socket())) {
      List<String> words =
          List.of("run", "--detach", "--name", "a", "--kernel", GUEST.toString(), "-m", "16M");

      assertEquals(
          ServerAnswer.ownProcess(), client.ask(new ServerRequest("/elsewhere", directory, words)));
    }
  }

  @Test
  void machineThatCannotStart_leavesItsErrorAndTakesNoRoom() throws Exception {
    serve(new ServerLimits(1, NO_LIMIT, NO_LIMIT), false);

    ServerAnswer answer =
        ask("run", "--detach", "--name", "web", "-m", "16M", "--kernel", "missing");

    assertEquals(1, answer.status());
    assertTrue(answer.message().startsWith("microvm: kernel "), answer.message());
    assertFalse(Files.exists(directory.resolve("microvm/web")));
    assertEquals(0, start("web").status());
  }

  @Test
  void limits_areNamedAndFreeAgainAfterAnEnd() throws Exception {
    serve(new ServerLimits(1, NO_LIMIT, 16 << 20), false);

    ServerAnswer big =
        ask("run", "--detach", "--name", "big", "-m", "32M", "--kernel", GUEST.toString());
    assertTrue(big.message().contains("at most 16 MiB (serve --max-guest-memory), not 32 MiB"));
    assertEquals(0, start("web").status());
    assertTrue(start("second").message().contains("limit of 1 machines (serve --max-machines)"));
    quit("web");
    assertEquals(0, start("second").status());
  }

  /** Snapshots of one author, whose states together do not fit into the heap of the server. */
  @Test
  void largeSnapshots_areReadOneAfterTheOther() throws Exception {
    serve(new ServerLimits(100, NO_LIMIT, NO_LIMIT), false);
    Path snapshot = largeSnapshot();
    List<CompletableFuture<ServerAnswer>> answers = new ArrayList<>();
    for (int i = 0; i < 24; i++) {
      // Connected one by one, because the server has a short backlog.
      ServerClient client = ServerClient.connect(serverFiles.socket());
      List<String> words = List.of("restore", snapshot.toString(), "--name", "m" + i, "--detach");
      answers.add(
          CompletableFuture.supplyAsync(() -> askOn(client, words), Thread::startVirtualThread));
    }

    for (CompletableFuture<ServerAnswer> answer : answers) {
      // It has no vCPU, but that is not the reason that a lack of memory would give.
      assertEquals(1, answer.get().status());
      assertTrue(answer.get().message().contains("saved state"), answer.get().message());
    }
  }

  private ServerAnswer askOn(ServerClient client, List<String> words) {
    try (client) {
      return client.ask(
          new ServerRequest(System.getProperty("microvm.home", ""), directory, words));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Path largeSnapshot() throws IOException {
    int memory = 16 << 20;
    StateWriter writer = new StateWriter();
    Path kernel = Files.createDirectory(directory.resolve("large")).resolve("kernel");
    Snapshot.describe(
        MachineConfig.builder(kernel).memory(memory).build(),
        List.of("--memory", "16M", "--kernel", kernel.toString()),
        new Snapshot.Identity(new UUID(1, 2), 0),
        writer);
    writer.section("large", 1, SectionPolicy.OPTIONAL).putBytes(new byte[60 << 20]);
    Files.write(kernel.resolveSibling("state"), writer.toByteArray());
    Files.copy(GUEST, kernel);
    try (RandomAccessFile file =
        new RandomAccessFile(kernel.resolveSibling("memory").toFile(), "rw")) {
      file.setLength(memory);
    }
    return kernel.getParent();
  }

  @Test
  void secondServer_isRefused() throws Exception {
    serve();

    IOException refused = assertThrows(IOException.class, this::serve);

    assertTrue(refused.getMessage().contains("--replace"), refused::getMessage);
    assertEquals(0, start("web").status());
  }

  @Test
  void replacedServer_handsItsGuestsOver() throws Exception {
    MachineServer former = serve();
    assertEquals(0, start("web").status());
    assertEquals(0, start("other").status());
    Path log = machines.find(new MachineName("web")).files().consoleLog();
    while (!Files.readString(log).contains("org.qemu.guest_agent.0")) {
      Thread.onSpinWait();
    }
    Object server = Files.getAttribute(serverFiles.socket(), "unix:ino");

    serve(new ServerLimits(10, NO_LIMIT, NO_LIMIT), true);

    former.await();
    former.close();
    assertEquals("", err.toString());
    assertNotEquals(server, Files.getAttribute(serverFiles.socket(), "unix:ino"));
    assertEquals("running", state("web"));
    assertEquals("running", state("other"));
    assertTrue(Files.readString(log).contains("org.qemu.guest_agent.0"), "the log begins anew");
    try (QmpClient client = qmp("web")) {
      assertEquals("web", client.execute("query-name").path("name").asText());
    }
    quit("web");
    assertEquals(0, start("web").status());
  }

  @Test
  void guestThatCannotMove_staysInTheReplacedServer() throws Exception {
    MachineServer former = serve();
    assertEquals(0, start("web").status());

    serve(new ServerLimits(10, NO_LIMIT, 1 << 20), true);

    assertTrue(err.toString().startsWith("microvm: web stays in the process "), err::toString);
    assertTrue(err.toString().contains("--max-guest-memory"), err::toString);
    assertEquals("running", state("web"));
    quit("web");
    former.await();
  }

  @Test
  void stop_endsAllMachines() throws Exception {
    MachineServer server = serve();
    assertEquals(0, start("web").status());

    assertEquals(0, ask("stop").status());

    server.await();
    assertEquals(List.of(), machines.list());
  }

  @Test
  void processOfServedMachine_thatDoesNotAnswer_isNotKilled() throws Exception {
    MachineName name = new MachineName("stuck");
    Process process = new ProcessBuilder("sleep", "60").start();
    try (Registration registration = machines.register(name, true)) {
      Machines.Entry stuck =
          new Machines.Entry(name, registration.files(), process.pid(), true, Optional.empty());

      IOException refused = assertThrows(IOException.class, () -> new PowerCut(stuck).cut());

      assertTrue(refused.getMessage().contains("is not killed"), refused::getMessage);
      assertTrue(process.isAlive());
    } finally {
      process.destroyForcibly();
    }
  }

  /** Runs the program that the launcher runs, with another one in the launcher's place. */
  private String askProgram(Path program, String... words) throws Exception {
    return askProgram("echo own process: \"$@\" >&2", program, words);
  }

  /**
   * @param script what the launcher does
   * @return the status and the output
   */
  private String askProgram(String script, Path program, String... words) throws Exception {
    Path launcher = directory.resolve("launcher");
    Files.writeString(launcher, "#!/bin/sh\n" + script + "\n");
    Files.setPosixFilePermissions(launcher, PosixFilePermissions.fromString("rwx------"));
    List<String> command = new ArrayList<>();
    command.addAll(List.of(program.toString(), launcher.toString()));
    command.add(System.getProperty("microvm.home", ""));
    command.addAll(List.of(words));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("XDG_RUNTIME_DIR", directory.toString());
    Process process = builder.directory(directory.toFile()).start();
    String text = new String(process.getInputStream().readAllBytes());
    return process.waitFor() + " " + text;
  }

  private Path compiled() throws Exception {
    Path program = directory.resolve("ask");
    String source = HOME.resolve("cli/src/main/c/ask.c").toString();
    assertEquals(
        0,
        new ProcessBuilder("gcc", "-Wall", "-Wextra", "-Werror", "-o", program.toString(), source)
            .inheritIO()
            .start()
            .waitFor());
    return program;
  }

  @Test
  void askProgram_startsAMachineOrRunsTheLauncher() throws Exception {
    Path program = compiled();
    String[] words = {
      "run", "--detach", "--name", "web", "-m", "16M", "--kernel", GUEST.toString()
    };

    assertEquals("0 own process: run it\n", askProgram(program, "run", "it"));
    serve();
    assertEquals("0 ", askProgram(program, words));
    assertTrue(askProgram(program, words).startsWith("1 microvm: --name web: a machine of this"));
    assertEquals("0 own process: run --detach\n", askProgram(program, "run", "--detach"));
    servers.getFirst().close();
    assertEquals("0 own process: run it\n", askProgram(program, "run", "it"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "echo $MICROVM_DETACHED $MICROVM_SERVER >&2; exit 3|3 yes off",
        "kill -KILL $$|137 microvm: the process of the machine was ended by signal 9 (Killed)",
        // It runs on after the byte.
        "exec 2>/dev/null; printf R; sleep 60|0",
        "read line; echo end $? >&2; exit 4|4 end 1",
        "echo a message >&2; exec 2>/dev/null; printf R; exit 5|0 a message",
        // So the JVM reports that memory is short.
        "echo other output; exit 6|6 other output",
      })
  void askProgram_withoutAServer_waitsForTheProcessInTheBackground(String script, String expected)
      throws Exception {
    String answer = askProgram(script, compiled(), "run", "--detach", "--name", "web");
    assertEquals(expected, answer.strip());
  }

  @Test
  void askProgram_detachOfACommand_isNone() throws Exception {
    String script = "echo \"$MICROVM_DETACHED\" \"$@\"";
    String answer = askProgram(script, compiled(), "run", "--", "ls", "--detach");
    assertEquals("0  run -- ls --detach\n", answer);
  }

  private boolean isServed() {
    try (ServerClient _ = ServerClient.connect(serverFiles.socket())) {
      return true;
    } catch (IOException none) {
      return false;
    }
  }

  @Test
  void killedServer_isForgottenWithItsMachines() throws Exception {
    List<String> options =
        List.of(
            "-Dmicrovm.home=" + System.getProperty("microvm.home", ""),
            "-D" + MACHINES + "=" + directory.resolve("microvm"));
    List<String> command = ChildJvm.command(options, Main.class, "serve", "--max-machines", "3");
    Process process = new ProcessBuilder(command).inheritIO().start();
    while (!isServed()) {
      assertTrue(process.isAlive());
      Thread.onSpinWait();
    }
    assertTrue(
        Files.readString(Path.of("/proc/" + process.pid() + "/status")).contains("Seccomp:\t2"),
        "the server is not in its sandbox");
    assertEquals(0, start("web").status());

    process.destroyForcibly();
    assertTrue(process.waitFor(10, TimeUnit.SECONDS));

    assertEquals(List.of(), machines.list());
    serve();
    assertEquals(0, start("web").status());
  }
}
