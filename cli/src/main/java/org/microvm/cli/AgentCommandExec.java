package org.microvm.cli;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import org.microvm.agent.ExecResult;
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
      "All of standard input is sent before the program starts; standard output and error are"
          + " printed after it has ended. The exit status is that of the program, 128 + N after"
          + " signal N, or 255 if it could not be run."
    },
    mixinStandardHelpOptions = true)
final class AgentCommandExec implements Callable<Integer> {
  /** The status that ssh uses for this; programs rarely exit with it. */
  static final int NOT_RUN = 255;

  /** The agent's parser accepts 64 MiB, and base64 turns three bytes into four. */
  private static final int MOST_INPUT = 47 << 20;

  @ParentCommand private AgentCommand parent;

  /** Leaves the options of the guest's program to it, also without {@code --}. */
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
      description =
          "how long to wait for the program (default: no limit); it runs on when time is up")
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
    try (GuestAgent agent = parent.connect()) {
      ExecResult result =
          agent
              .processes()
              .start(new GuestCommand(argv, List.of(), input(), true))
              .await(limit == null ? Duration.ofDays(365) : Duration.ofSeconds(limit));
      System.out.write(result.stdout());
      System.out.flush();
      System.err.write(result.stderr());
      if (result.truncated()) {
        System.err.println("microvm: output is truncated: the agent keeps 16 MiB of each stream");
      }
      System.err.flush();
      return result.status();
    } catch (IOException e) {
      System.err.println("microvm: " + GuestText.plain(e.getMessage()));
      return NOT_RUN;
    }
  }

  private byte[] input() throws IOException {
    if (noInput) {
      return new byte[0];
    }
    try (Fd input = Fd.standardInput()) {
      if (Terminal.isTerminal(input)) {
        return new byte[0];
      }
    }
    byte[] bytes = System.in.readNBytes(MOST_INPUT + 1);
    if (bytes.length > MOST_INPUT) {
      throw new IOException(
          "standard input exceeds the agent's limit of 47 MiB; copy it as a file with `agent cp`");
    }
    return bytes;
  }
}
