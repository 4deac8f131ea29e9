package org.microvm.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.microvm.cli.named.Background;
import org.microvm.cli.named.Machines;
import org.microvm.cli.serve.ServerAnswer;
import org.microvm.cli.serve.ServerClient;
import org.microvm.cli.serve.ServerFiles;
import org.microvm.cli.serve.ServerLimits;
import org.microvm.cli.serve.ServerRequest;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code microvm serve}: hosts the machines that this user starts in the background. */
@Command(
    name = "serve",
    description =
        "Runs the machines that this user starts with `run --detach` and `restore"
            + " --detach` in one process, so that starting a machine does not start a JVM."
            + " SIGTERM or --stop ends the server and its machines.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class ServeCommand implements Callable<Integer> {
  private static final long MEBIBYTE = 1 << 20;

  @Option(
      names = "--max-machines",
      paramLabel = "N",
      defaultValue = "500",
      description = "maximum number of machines (default: ${DEFAULT-VALUE})")
  private int maxMachines;

  @Option(
      names = "--max-memory",
      paramLabel = "SIZE",
      description = "maximum total RAM of all guests, such as 64G (default: no limit)")
  private String maxMemory;

  @Option(
      names = "--max-guest-memory",
      paramLabel = "SIZE",
      description = "maximum RAM of one guest (default: no limit)")
  private String maxGuestMemory;

  @Option(
      names = "--replace",
      description =
          "take over the machines of the running server, for example after an upgrade; their"
              + " guests continue")
  private boolean replace;

  @Option(names = "--detach", description = "run in the background; return once it serves")
  private boolean detach;

  @Option(
      names = "--sandbox",
      paramLabel = "on|off",
      description =
          "restrict this process to the system calls and files that machines need (default: on)")
  private String sandbox;

  @Option(names = "--stop", description = "end the running server and its machines")
  private boolean stop;

  @Spec private CommandSpec spec;

  private MachineServer server;

  @Override
  public Integer call() throws Exception {
    if (maxMachines < 1) {
      throw new UsageException("--max-machines must be at least 1, not " + maxMachines);
    }
    ServerLimits limits =
        new ServerLimits(
            maxMachines,
            size("--max-memory", maxMemory),
            size("--max-guest-memory", maxGuestMemory));
    boolean sandboxed = isSandboxed();
    Machines machines = Machines.ofUser();
    if (stop) {
      refuseOthers();
      return stop(new ServerFiles(machines).socket());
    }
    if (detach && !Background.isThisProcess()) {
      return Background.start(System.err);
    }
    Background.begin();
    // In the sandbox it cannot be created; the machines read it, and report why there is none.
    SnapshotKey.ofUser();
    if (sandboxed) {
      SandboxOptions.enterServer(sandbox != null);
    }
    Appendable err = System.err;
    Shutdown shutdown = new Shutdown(this::closeServer);
    try {
      shutdown.during(() -> server = MachineServer.open(machines, limits, replace, err));
      Background.runs(new ServerFiles(machines).log());
      server.await();
    } finally {
      shutdown.run();
    }
    return 0;
  }

  private void closeServer() {
    if (server != null) {
      server.close();
    }
  }

  private boolean isSandboxed() {
    if (sandbox == null || sandbox.equals("on")) {
      return true;
    }
    if (sandbox.equals("off")) {
      return false;
    }
    throw Options.notOneOf("--sandbox", sandbox, List.of("on", "off"));
  }

  private static long size(String option, String text) {
    if (text == null) {
      return Long.MAX_VALUE;
    }
    long bytes = ByteSize.parse(option, text, MEBIBYTE);
    if (bytes < MEBIBYTE) {
      throw new UsageException("%s must be at least 1M, not %s".formatted(option, text));
    }
    return bytes;
  }

  /** The other options are for the start of a server. */
  private void refuseOthers() {
    for (OptionSpec option : spec.commandLine().getParseResult().matchedOptions()) {
      if (!option.longestName().equals("--stop")) {
        throw new UsageException("serve: --stop cannot be combined with " + option.longestName());
      }
    }
  }

  private static int stop(Path socket) throws IOException {
    ServerClient client;
    try {
      client = ServerClient.connect(socket);
    } catch (IOException e) {
      throw new IOException("no server of this user runs: " + socket + " does not answer", e);
    }
    try (client) {
      ServerAnswer answer = client.ask(ServerRequest.ofServer(List.of(MachineServer.STOP)));
      System.err.print(answer.message());
      return answer.status();
    }
  }
}
