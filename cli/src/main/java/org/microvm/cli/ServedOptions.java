package org.microvm.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.microvm.cli.named.MachineName;
import org.microvm.machine.config.MachineException;
import org.microvm.sandbox.Sandbox;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;

/**
 * The options of a machine that a server can host: those that define the machine, and its name.
 * Other options concern the machine's process, such as its sandbox.
 */
final class ServedOptions {
  /** Paths that mean another file in another process. */
  private static final String OF_PROCESS = "/dev/(fd/|std|tty)|/proc/";

  /**
   * The directories in which the server's sandbox permits no writing; a machine's own sandbox
   * permits files there that its options name.
   */
  private static final String OF_SYSTEM =
      "/dev/(?!null|shm/|pts/|ptmx|u?random)|(^|=)/[^/,]+(,|$)|(path|logfile)=/(?!dev/)(%s)/"
          .formatted(String.join("|", Sandbox.systemDirectories()));

  private static final Pattern NOT_SERVED = Pattern.compile(OF_PROCESS + "|" + OF_SYSTEM);

  private static final String RUN = "run";
  private static final String RESTORE = "restore";

  private final MachineOptions machine = new MachineOptions();
  private final ControlOptions control = new ControlOptions();
  private final OptionSpec restore = Options.path("DIRECTORY", "", "--restore");
  private final OptionSpec clock = Options.text("saved|realtime", "", "--clock").build();
  private final OptionSpec detach = Options.flag("", "--detach");

  /** Without effect: the server itself warms up. */
  private final OptionSpec warmUp = Options.flag("", "--warm-up");

  private MachineName name;

  private ServedOptions() {}

  /**
   * Reads the words of {@code run} or {@code restore}.
   *
   * @param base what relative paths refer to
   * @return nothing if the command is another one or wrong, or the machine needs a process of its
   *     own, which then also reports what is wrong
   */
  static Optional<ServedOptions> parse(List<String> words, Path base) {
    if (words.stream().anyMatch(word -> NOT_SERVED.matcher(word).find())) {
      return Optional.empty();
    }
    try {
      List<String> run = words.getFirst().equals(RESTORE) ? ofRestore(words, base) : words;
      if (!run.getFirst().equals(RUN)) {
        return Optional.empty();
      }
      ServedOptions options = new ServedOptions();
      return options.read(run.subList(1, run.size()), base)
          ? Optional.of(options)
          : Optional.empty();
    } catch (ParameterException
        | IllegalArgumentException
        | UsageException
        | IOException
        | MachineException e) {
      return Optional.empty();
    }
  }

  /** Reads the options of a machine of another server, which is moving here. */
  static ServedOptions ofServer(MachineName name, List<String> words) {
    ServedOptions options = new ServedOptions();
    options.parse(words);
    options.name = name;
    return options;
  }

  private static List<String> ofRestore(List<String> words, Path base)
      throws IOException, MachineException {
    RestoreCommand command = new RestoreCommand();
    Main.configured(command.toCommandLine())
        .parseArgs(words.subList(1, words.size()).toArray(String[]::new));
    if (command.movesSockets()) {
      throw new UsageException("--sockets may be relative to the client's directory");
    }
    try (SnapshotReadLock _ = SnapshotReadLock.acquire()) {
      return command.runArguments(base);
    }
  }

  private CommandLine parse(List<String> words) {
    CommandSpec spec = Options.command(this, RUN, "");
    List<OptionSpec> all = new ArrayList<>(machine.all());
    all.addAll(control.all());
    all.addAll(List.of(restore, clock, detach, warmUp));
    CommandLine line = Main.configured(Options.complete(spec, all));
    line.parseArgs(words.toArray(String[]::new));
    return line;
  }

  private boolean read(List<String> words, Path base) {
    CommandLine line = parse(words);
    if (line.isUsageHelpRequested()
        || line.isVersionHelpRequested()
        || !Options.isGiven(detach)
        || control.isRequested()
        || control.name() == null
        || (clock.getValue() != null && restore.getValue() == null)) {
      return false;
    }
    name = new MachineName(control.name());
    machine.resolve(base);
    if (restore.getValue() != null) {
      restore.setValue(base.resolve(restore.<Path>getValue()));
    }
    return machine.isForAnyProcess();
  }

  MachineName name() {
    return name;
  }

  MachineOptions machine() {
    return machine;
  }

  ControlOptions control() {
    return control;
  }

  /** The directory of the snapshot, or null. */
  Path snapshot() {
    return restore.getValue();
  }

  /** The option {@code --clock}. */
  OptionSpec clock() {
    return clock;
  }
}
