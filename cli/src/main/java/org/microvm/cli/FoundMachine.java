package org.microvm.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.microvm.cli.named.MachineFiles;
import org.microvm.cli.named.Machines;
import org.microvm.qmp.QmpClient;

/**
 * A machine that a command has found by its name, and the messages for machines that cannot answer.
 */
record FoundMachine(Machines.Entry entry) {
  private static final Duration ANSWER = Duration.ofSeconds(5);

  /** The stopped processes that were reported: some commands look for their machine repeatedly. */
  private static final Set<Long> TOLD = ConcurrentHashMap.newKeySet();

  /**
   * Finds a machine. Says on standard error if its process is stopped, because a command that waits
   * for it would seem to hang.
   *
   * @param where where the name was given, for messages
   * @param name the name
   * @throws UsageException if it is not acceptable
   * @throws IOException if there is no such machine
   */
  static FoundMachine find(String where, String name) throws IOException {
    FoundMachine found = new FoundMachine(Machines.ofUser().find(NamedRun.name(where, name)));
    if (found.entry.isStopped() && TOLD.add(found.entry.pid())) {
      System.err.println("microvm: " + found.stopped());
    }
    return found;
  }

  private String stopped() {
    return "process %d of machine %s is stopped (SIGSTOP) and cannot answer; resume it with: kill -CONT %d"
        .formatted(entry.pid(), entry.name(), entry.pid());
  }

  MachineFiles files() {
    return entry.files();
  }

  /** Whether the machine waits for a guest that migrates to it. */
  boolean awaitsGuest() {
    try (QmpClient client = QmpClient.connect(files().control(), ANSWER)) {
      return client.execute("query-status").path("status").asText().equals("inmigrate");
    } catch (IOException noAnswer) {
      return false;
    }
  }

  /**
   * Returns a socket that every machine has while its guest runs.
   *
   * @throws IOException if it is not there: the machine is starting or ending
   */
  Path socket(Function<MachineFiles, Path> which) throws IOException {
    Path socket = which.apply(files());
    if (!Files.exists(socket)) {
      throw new IOException(
          "the machine '%s' is %s"
              .formatted(
                  entry.name(),
                  entry.description().isPresent()
                      ? "ending"
                      : "still starting: try again once `microvm list` shows that it runs"));
    }
    return socket;
  }
}
