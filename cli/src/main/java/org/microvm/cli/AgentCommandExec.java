package org.microvm.cli;

import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import org.microvm.agent.AgentTimeoutException;
import org.microvm.agent.GuestAgent;
import org.microvm.agent.GuestCommand;
import org.microvm.linux.Fd;
import org.microvm.linux.Terminal;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** {@code microvm agent exec}: runs a program in the guest, with its output and status. */
@Command(
    name = "exec",
    description = {
      "Runs a program in the guest.",
      "While it runs, standard input is sent to it, unless that is a terminal, and its output and"
          + " errors are printed, whatever their size. The exit status is that of the program,"
          + " 128 + N after signal N, 124 if it exceeded --limit, or 255 if it could not be run."
          + " If this command is interrupted, the program gets SIGTERM."
    },
    mixinStandardHelpOptions = true)
final class AgentCommandExec implements Callable<Integer> {
  /** The status that ssh uses for this; programs rarely exit with it. */
  static final int NOT_RUN = 255;

  @ParentCommand private AgentCommand parent;

  /** Passes options after the program's name to the program, also without {@code --}. */
  @Spec
  void setSpec(CommandSpec spec) {
    spec.parser().stopAtPositional(true);
  }

  @Option(
      names = {"-n", "--no-input"},
      description = "do not read standard input")
  private boolean noInput;

  @Option(
      names = "--limit",
      paramLabel = "SECONDS",
      description = "how long the program may run; then it gets SIGTERM (default: no limit)")
  private Integer limit;

  @Parameters(
      arity = "1..*",
      paramLabel = "-- CMD ...",
      hideParamSyntax = true,
      description = "the program and its arguments")
  private List<String> argv;

  @Override
  public Integer call() {
    if (limit != null && limit < 1) {
      throw new UsageException("--limit must be at least 1 second, not " + limit);
    }
    parent.limit();
    Duration longest = limit == null ? Duration.ofDays(365) : Duration.ofSeconds(limit);
    TransferProgress progress = TransferProgress.unlessOnTerminal();
    try (Interruption interruption = new Interruption()) {
      try (GuestAgent agent = parent.connect()) {
        int status =
            agent.processes().stream(
                    GuestCommand.of(argv.toArray(String[]::new)),
                    progress.counting(input()),
                    progress.counting(StandardStream.output()),
                    progress.clearing(StandardStream.errors()),
                    longest)
                .status();
        progress.end();
        return status;
      } catch (IOException e) {
        progress.end();
        if (!CheckedOutput.isReaderGone()) {
          System.err.println("microvm: " + GuestText.plain(e.getMessage()));
        }
        return interruption.statusOr(statusAfter(e));
      }
    }
  }

  private static int statusAfter(IOException failure) {
    return failure instanceof AgentTimeoutException late && late.isOfProgram()
        ? ExitStatus.TIMEOUT
        : NOT_RUN;
  }

  /** Returns standard input; null if there is none for the program. */
  private InputStream input() {
    if (noInput) {
      return null;
    }
    try (Fd input = Fd.standardInput()) {
      return Terminal.isTerminal(input) ? null : StandardInput.orNone(System.in);
    }
  }
}
