package org.microvm.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import org.microvm.linux.Fd;
import org.microvm.linux.Terminal;
import org.microvm.machine.IncomingMigration;
import org.microvm.machine.Machine;
import org.microvm.machine.MachineConfig;
import org.microvm.machine.MachineEnd;
import org.microvm.machine.MachineException;
import org.microvm.machine.MigrationAddress;
import org.microvm.machine.RestoreClock;
import org.microvm.machine.Snapshot;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code microvm run}: one machine, its console on this terminal. */
@Command(
    name = "run",
    description = "Boots a kernel; on a terminal Ctrl-A x leaves and Ctrl-A h helps.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class RunCommand implements Callable<Integer> {
  @Mixin private MachineOptions options;

  @Mixin private ControlOptions control;

  @Option(
      names = "--exit-stats",
      paramLabel = "FILE",
      description = "write exit counts and start-up times there at the end, as JSON")
  private Path exitStats;

  @Option(
      names = "--restore",
      paramLabel = "DIRECTORY",
      description = "go on from a snapshot; all other options as for the saved machine")
  private Path restore;

  @Option(
      names = "--clock",
      paramLabel = "saved|realtime",
      description =
          "whether the clocks of a restored guest go on from where they were, which is so unless"
              + " said otherwise, or have run on meanwhile")
  private String clock;

  @Option(
      names = {"--incoming", "-incoming"},
      paramLabel = "unix:PATH|tcp:HOST:PORT[,tls=off]",
      description = "wait there for a guest to migrate from another process; same options as there")
  private String incoming;

  @Option(
      names = "--tls-creds",
      paramLabel = "DIRECTORY",
      description = "for --incoming tcp: ca-cert.pem, server-cert.pem and server-key.pem")
  private Path tlsCredentials;

  @Option(
      names = "--no-console",
      description = "neither show nor feed the guest's UART; so it is with a stdio chardev, too")
  private boolean noConsole;

  @Override
  public Integer call() throws Exception {
    return call(machine -> {});
  }

  /** The kernel that was given, or null for the project's own. */
  Path kernel() {
    return options.kernel();
  }

  /** The same, with somebody who gets to see the machine once it runs. */
  Integer call(Consumer<Machine> onStart) throws Exception {
    MachineConfig.Builder builder = options.toBuilder(incoming != null);
    // A channel on standard input and output has them for itself, terminal mode included.
    boolean shown = !noConsole && !options.channels().useStdio();
    OutputStream console =
        shown ? new FileOutputStream(FileDescriptor.out) : OutputStream.nullOutputStream();
    MachineConfig config = builder.console(console).build();
    Machine machine = machine(config);
    // SIGTERM, SIGINT and SIGHUP come as the JVM's orderly shutdown, which keeps their status.
    Shutdown shutdown = new Shutdown(() -> finish(machine));
    try (Fd input = Fd.standardInput();
        Terminal terminal = shown && Terminal.isTerminal(input) ? Terminal.raw(input) : null) {
      shutdown.alsoClose(terminal);
      control.open(machine, options.channels());
      if (incoming == null) {
        machine.start();
      }
      onStart.accept(machine);
      if (shown) {
        new ConsoleInput(machine, System.in, console, terminal != null).start();
      }
      MachineEnd end = machine.end().join();
      return ExitStatus.of(end, System.err);
    } finally {
      shutdown.run();
    }
  }

  private Machine machine(MachineConfig config) throws IOException, MachineException {
    if (tlsCredentials != null && incoming == null) {
      throw new UsageException("--tls-creds is about --incoming, which is missing");
    }
    if (clock != null && restore == null) {
      throw new UsageException("--clock is about --restore, which is missing");
    }
    if (incoming != null && restore != null) {
      throw new UsageException("--incoming and --restore do not go together");
    }
    if (restore != null) {
      return Machine.restore(Snapshot.open(restore), config, restoreClock());
    }
    if (incoming != null) {
      return receive(config);
    }
    return Machine.create(config);
  }

  private RestoreClock restoreClock() {
    return switch (clock) {
      case null -> RestoreClock.SAVED;
      case "saved" -> RestoreClock.SAVED;
      case "realtime" -> RestoreClock.REALTIME;
      default -> throw new UsageException("--clock: '" + clock + "' is not saved or realtime");
    };
  }

  private Machine receive(MachineConfig config) throws IOException, MachineException {
    MigrationAddress address = MigrateCommand.address("--incoming", incoming, tlsCredentials, null);
    try (IncomingMigration waiting = IncomingMigration.listen(address, config)) {
      if (!waiting.address().equals(address)) {
        System.err.println("microvm: waits at " + waiting.address());
      }
      return waiting.receive(config);
    }
  }

  private void finish(Machine machine) {
    control.close();
    machine.close();
    if (exitStats != null) {
      try {
        ExitStatsFile.write(exitStats, machine.statistics());
      } catch (IOException e) {
        System.err.println("microvm: --exit-stats " + exitStats + ": " + e.getMessage());
      }
    }
  }
}
