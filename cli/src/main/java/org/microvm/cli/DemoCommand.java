package org.microvm.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.microvm.agent.AgentClient;
import org.microvm.linux.FailureText;
import org.microvm.machine.Machine;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.config.MachineStatistics;
import org.microvm.sandbox.FileRules;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.backend.UnixServerBackend;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** {@code microvm demo}: boots Linux, queries its guest agent, and has the agent shut it down. */
@Command(
    name = "demo",
    description = "Boots Linux, talks to its guest agent over a channel and shuts it down.",
    mixinStandardHelpOptions = true)
final class DemoCommand implements Callable<Integer> {
  private static final String CHANNEL = "org.qemu.guest_agent.0";

  /**
   * Time limit from power-on to the agent's first answer. It takes seconds on hosts that emulate
   * guest kernel code.
   */
  private static final Duration BOOT = Duration.ofMinutes(3);

  private static final Duration ANSWER = Duration.ofSeconds(30);

  private final MachineOptions options = new MachineOptions();
  private final SandboxOptions sandbox = new SandboxOptions();

  /** Remembers a failure, which is reported at the end. */
  private final PrintStream out = System.out;

  private Path directory;
  private Machine machine;

  /** The command. */
  static CommandLine commandLine() {
    DemoCommand demo = new DemoCommand();
    CommandLine command = new CommandLine(demo);
    demo.options.all().forEach(command.getCommandSpec()::addOption);
    demo.sandbox.all().forEach(command.getCommandSpec()::addOption);
    return command;
  }

  @Override
  public Integer call() throws Exception {
    sandbox.mode();
    Shutdown shutdown = new Shutdown(this::finish);
    try {
      shutdown.during(() -> directory = Files.createTempDirectory("microvm-demo"));
      Path socket = directory.resolve("agent.sock");
      shutdown.during(() -> machine = machine(socket));
      return run(socket);
    } finally {
      shutdown.run();
    }
  }

  private Machine machine(Path socket) throws IOException, MachineException {
    MachineConfig config =
        options.toBuilder()
            .console(out)
            .channel(
                new ChannelConfig(
                    PortConfig.named(CHANNEL), loop -> UnixServerBackend.listen(socket, false)))
            .build();
    // The directory is deleted in the end.
    FileRules files = new FileRules().createAt(directory);
    SandboxOptions.addMachine(files, config);
    options.channels().addTo(files);
    sandbox.enter(files, false);
    return MachineStart.make(() -> Machine.create(config));
  }

  private int run(Path socket) throws Exception {
    try {
      machine.start();
      // If the guest ends early, closing the machine closes the channel, which ends the wait below.
      machine.end().thenRunAsync(machine::close);
      ask(socket);
      MachineEnd end = machine.end().get(ANSWER.toSeconds(), TimeUnit.SECONDS);
      int status = ExitStatus.of(end, System.err);
      printExits(machine.statistics());
      return status;
    } catch (IOException e) {
      if (machine.end().isDone()) {
        ExitStatus.of(machine.end().join(), System.err);
      }
      throw e;
    } catch (TimeoutException e) {
      throw new IOException("the guest did not power off within " + ANSWER.toSeconds() + " s", e);
    }
  }

  private void finish() {
    if (machine != null) {
      machine.close();
    }
    if (directory != null) {
      delete(directory);
    }
  }

  private void ask(Path socket) throws IOException {
    try (AgentClient agent = AgentClient.connect(socket)) {
      agent.sync(BOOT);
      out.println();
      out.println("channel: " + CHANNEL);
      agent.call("guest-ping", ANSWER);
      out.println("guest-ping: ok");
      JsonNode info = agent.call("guest-info", ANSWER);
      out.println("guest-info: qemu-ga " + plain(info.path("version")));
      JsonNode system = agent.call("guest-get-osinfo", ANSWER);
      out.printf(
          "guest-get-osinfo: %s, kernel %s, %s%n",
          plain(system.path(system.has("pretty-name") ? "pretty-name" : "name")),
          plain(system.path("kernel-release")),
          plain(system.path("machine")));
      agent.send("guest-shutdown", AgentClient.arguments().put("mode", "powerdown"), ANSWER);
    }
  }

  private static String plain(JsonNode text) {
    return GuestText.plain(text.asText());
  }

  private void printExits(MachineStatistics statistics) {
    out.println();
    for (int i = 0; i < statistics.vcpus().size(); i++) {
      MachineStatistics.Vcpu vcpu = statistics.vcpus().get(i);
      out.printf("vcpu %d: %,d exits to user space%n", i, vcpu.exits());
      vcpu.exitsByReason().forEach((reason, count) -> out.printf("  %-24s %,12d%n", reason, count));
      vcpu.finishedInstructions()
          .forEach((name, count) -> out.printf("  %-24s %,12d%n", name + " finished", count));
    }
  }

  private static void delete(Path directory) {
    try {
      Files.deleteIfExists(directory);
    } catch (IOException e) {
      System.err.println("microvm: " + directory + " could not be deleted: " + FailureText.of(e));
    }
  }
}
