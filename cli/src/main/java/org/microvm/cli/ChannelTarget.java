package org.microvm.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.Function;
import org.microvm.cli.named.MachineFiles;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * Selects a channel to a guest's agent, by a machine's name or a socket's path, and says how long
 * to wait for it.
 */
final class ChannelTarget {
  private static final int DEFAULT_TIMEOUT = 30;

  @Option(
      names = "--socket",
      paramLabel = "PATH",
      description = "unix socket of the channel; instead of the machine's name")
  private Path socket;

  @Parameters(
      index = "0",
      arity = "0..1",
      paramLabel = "NAME",
      description = "the machine's name, unless --socket is given")
  private String machine;

  @Option(
      names = "--timeout",
      defaultValue = "" + DEFAULT_TIMEOUT,
      paramLabel = "SECONDS",
      description = "how long to wait for an answer (default: ${DEFAULT-VALUE})")
  private int timeout;

  /**
   * The time limit for an answer.
   *
   * @throws UsageException if the option is not positive
   */
  Duration limit() {
    if (timeout < 1) {
      throw new UsageException("--timeout must be at least 1 second, not " + timeout);
    }
    return Duration.ofSeconds(timeout);
  }

  /**
   * Starts to watch how the machine ends.
   *
   * @param verb the command, for messages
   * @return null if only a socket was given, whose machine is not known
   */
  MachineEndWatch watchEnd(String verb) throws IOException {
    return machine == null
        ? null
        : MachineEndWatch.start(FoundMachine.find(verb, machine).files().control());
  }

  /** How the machine was selected. */
  String name() {
    return machine == null ? socket.toString() : machine;
  }

  /**
   * Finds the channel's socket.
   *
   * @param verb the command, for messages
   * @param file the socket of a machine with a name
   * @param absent what is said of a machine that has no such socket, after its name
   * @throws UsageException if neither a machine nor a socket is given, or both
   * @throws IOException if there is no such machine or socket
   */
  Path socket(String verb, Function<MachineFiles, Path> file, String absent) throws IOException {
    if ((socket == null) == (machine == null)) {
      throw new UsageException(
          machine == null
              ? "which machine? Give its name (`microvm list` shows all) or --socket PATH"
              : "a machine's name and --socket cannot be combined");
    }
    limit();
    if (machine == null) {
      FileProblem.checkSocket("--socket", socket);
      return socket;
    }
    FoundMachine found = FoundMachine.find(verb, machine);
    found.socket(MachineFiles::control);
    Path path = file.apply(found.files());
    if (!Files.exists(path)) {
      throw new IOException(
          found.awaitsGuest()
              ? "the guest of the machine '" + machine + "' has not arrived yet"
              : "the machine '" + machine + "' " + absent);
    }
    return path;
  }
}
