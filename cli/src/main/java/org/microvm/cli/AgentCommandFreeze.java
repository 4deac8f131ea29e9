package org.microvm.cli;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.microvm.agent.Freeze;
import org.microvm.agent.GuestAgent;
import org.microvm.cli.named.HostProgram;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** {@code microvm agent freeze}: runs a program of the host while file systems are frozen. */
@Command(
    name = "freeze",
    description = {
      "Freezes the guest's file systems, runs a program on the host, and thaws them.",
      "They are always thawed: also if the program fails or exceeds --limit, if"
          + " this command is interrupted, or if the guest does not answer the freeze in"
          + " time. If this command is killed by SIGKILL, run 'agent thaw'. The exit"
          + " status is that of the program, 124 if it exceeded --limit, or 255 if file"
          + " systems could not be frozen or thawed."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class AgentCommandFreeze implements Callable<Integer> {
  private static final long GRACE_SECONDS = 2;

  @ParentCommand private AgentCommand parent;

  @Option(
      names = "--mount",
      paramLabel = "PATH",
      description = "mount point in the guest, may be repeated (default: all file systems)")
  private List<String> mounts = List.of();

  @Option(
      names = "--limit",
      paramLabel = "SECONDS",
      description = "how long the program may run; then it is ended (default: no limit)")
  private Integer limit;

  @Parameters(
      arity = "1..*",
      paramLabel = "-- CMD ...",
      hideParamSyntax = true,
      description = "the program of the host and its arguments")
  private List<String> argv;

  /** Passes options after the program's name to the program, also without {@code --}. */
  @Spec
  void setSpec(CommandSpec spec) {
    spec.parser().stopAtPositional(true);
  }

  @Override
  public Integer call() {
    if (limit != null && limit < 1) {
      throw new UsageException("--limit must be at least 1 second, not " + limit);
    }
    for (String word : argv) {
      if (ByteText.hasBytes(word)) {
        throw new UsageException("agent freeze: '" + ByteText.shown(word) + "' is not UTF-8");
      }
    }
    parent.limit();
    try (Interruption interruption = Interruption.unabandonable()) {
      try (GuestAgent agent = parent.connect()) {
        return runFrozen(agent);
      } catch (IOException e) {
        report(GuestText.plain(e.getMessage()));
        return interruption.statusOr(AgentCommandExec.NOT_RUN);
      }
    }
  }

  private int runFrozen(GuestAgent agent) throws IOException {
    Freeze freeze = mounts.isEmpty() ? agent.freeze() : agent.freeze(mounts);
    long start = System.nanoTime();
    try {
      report(freeze.count() + " file systems are frozen");
      return run();
    } finally {
      freeze.close();
      report("thawed after %.1f s".formatted((System.nanoTime() - start) / 1e9));
    }
  }

  private static void report(String line) {
    System.err.println("microvm: " + line);
    System.err.flush();
  }

  private int run() throws IOException {
    ProcessBuilder builder = new ProcessBuilder(argv).inheritIO();
    restoreLocale(builder.environment());
    Process process = HostProgram.start(builder);
    try {
      if (limit == null) {
        return process.waitFor();
      }
      if (process.waitFor(limit, TimeUnit.SECONDS)) {
        return process.exitValue();
      }
      report("'" + argv.getFirst() + "' did not end within " + limit + " s (--limit)");
      end(process);
      return ExitStatus.TIMEOUT;
    } catch (InterruptedException e) {
      endInterrupted(process);
      throw new IOException("interrupted while '" + argv.getFirst() + "' ran", e);
    }
  }

  /** Ends the program, so that it does not read what the guest writes once it has thawed. */
  private static void endInterrupted(Process process) {
    try {
      end(process);
    } catch (InterruptedException e) {
      process.destroyForcibly();
    }
    Thread.currentThread().interrupt();
  }

  private static void end(Process process) throws InterruptedException {
    process.descendants().forEach(ProcessHandle::destroy);
    process.destroy();
    if (!process.waitFor(GRACE_SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly();
    }
  }

  /** Restores for the program the locale that the launcher has replaced. */
  private static void restoreLocale(Map<String, String> environment) {
    String former = environment.remove("MICROVM_LC_ALL");
    if (former == null) {
      return;
    }
    if (former.isEmpty()) {
      environment.remove("LC_ALL");
    } else {
      environment.put("LC_ALL", former);
    }
  }
}
