package org.microvm.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.microvm.cli.named.MachineFiles;
import org.microvm.qmp.QmpClient;
import picocli.CommandLine.Option;

/**
 * Selects a running machine: by its name, the first word of the command, or by the option with its
 * control socket. Says how long to wait for it.
 */
final class ControlClient {
  /** The state of a machine whose command was interrupted before it was sent. */
  static final String NOTHING_SENT = "the machine has received no command and continues";

  private static final String PREFIX = "unix:";

  @Option(
      names = {"--qmp", "-qmp"},
      paramLabel = "PATH",
      description =
          "control socket of the machine, opened by `run --qmp unix:PATH,server=on`; instead of the"
              + " machine's name")
  private String path;

  @Option(
      names = "--timeout",
      paramLabel = "SECONDS",
      description = "how long to wait for an answer of the machine (default: no limit)")
  private Long timeout;

  private String name;

  /**
   * Takes the machine's name from the words of a command, unless the control socket was given.
   *
   * @param words what was given; null for nothing
   * @param least the smallest number of words besides the name
   * @param usage the words besides the name, for messages
   * @return the words besides the name, at most as many as {@code usage} has
   */
  List<String> select(List<String> words, int least, String... usage) {
    List<String> rest = words == null ? List.of() : words;
    if (path == null) {
      if (rest.isEmpty()) {
        throw new UsageException(
            "which machine? Give its name (`microvm list` shows all) or --qmp PATH");
      }
      name = rest.getFirst();
      rest = rest.subList(1, rest.size());
    }
    String place = path == null ? " after the machine's name" : "";
    if (rest.size() < least) {
      throw new UsageException("%s is missing%s".formatted(usage[rest.size()], place));
    }
    if (rest.size() > usage.length) {
      throw new UsageException(
          "unexpected argument '%s'%s"
              .formatted(rest.get(usage.length), path == null ? "" : " with --qmp"));
    }
    return rest;
  }

  /** How the machine was selected. */
  String machine() {
    return name == null ? path : name;
  }

  /** How the command waits, and shows that it does. */
  private final class Waiting implements QmpClient.Patience {
    @Override
    public void waiting(String what, Duration since) throws IOException {
      if (timeout != null && since.toSeconds() >= timeout) {
        throw new IOException(
            "--timeout: %s did not arrive within %d s; the machine still executes a command that it has received"
                .formatted(what, timeout));
      }
      StatusLine.show("waiting for %s: %d s".formatted(what, since.toSeconds()));
    }

    @Override
    public void over() {
      StatusLine.clear();
    }
  }

  QmpClient connect() throws IOException {
    if (timeout != null && timeout < 1) {
      throw new UsageException("--timeout: " + timeout + " is not a number of seconds, 1 or more");
    }
    if (name != null) {
      return QmpClient.connect(
          FoundMachine.find("machine", name).socket(MachineFiles::control), new Waiting());
    }
    Path socket =
        Options.file("--qmp", path.startsWith(PREFIX) ? path.substring(PREFIX.length()) : path);
    FileProblem.checkSocket("--qmp", socket);
    return QmpClient.connect(socket, new Waiting());
  }
}
