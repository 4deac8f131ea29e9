package org.microvm.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.snapshot.Snapshot;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/** {@code microvm restore}: {@code run} with the options in the snapshot. */
final class RestoreCommand implements Callable<Integer> {
  private final PositionalParamSpec directory =
      PositionalParamSpec.builder()
          .index("0")
          .arity("1")
          .required(true)
          .type(Path.class)
          .paramLabel("DIRECTORY")
          .description("directory of the snapshot")
          .build();

  private final OptionSpec sockets =
      Options.path(
          "DIRECTORY",
          "existing directory for the unix sockets of all channels, which keep their names; sockets with"
              + " the same name become ID-NAME, with the chardev's id",
          "--sockets");

  private final OptionSpec trustOptions =
      Options.flag(
          "use all options of a snapshot that this user did not save on this host, also those that"
              + " open files, disks and sockets outside of the snapshot's directory",
          "--trust-options");

  private final CommandSpec spec =
      Options.command(
          this,
          "restore",
          "Resumes a machine from a snapshot, with the options of the saved machine."
              + " Options of `microvm run` may be added. They replace the saved options of"
              + " the same name: --chardev replaces the chardev with the same id, --disk"
              + " replaces all disks.");

  /** Whether {@code --sockets} was given. */
  boolean movesSockets() {
    return sockets.getValue() != null;
  }

  /** The command. */
  static CommandLine commandLine() {
    return new RestoreCommand().toCommandLine();
  }

  /** Returns the command line of this command. */
  CommandLine toCommandLine() {
    spec.addPositional(directory);
    spec.parser().unmatchedArgumentsAllowed(true);
    return Options.complete(spec, List.of(sockets, trustOptions));
  }

  @Override
  public Integer call() throws Exception {
    // Before the snapshot is read, which makes system calls: they are being linked on another
    // thread.
    CommandLine run = Main.withCommands("run");
    List<String> args = runArguments(Path.of(""));
    return Main.execute(run, spec.commandLine().getErr(), args.toArray(new String[0]));
  }

  /**
   * Returns the equivalent arguments of {@code microvm run}.
   *
   * @param base what a relative path of the snapshot refers to
   */
  List<String> runArguments(Path base) throws IOException, MachineException {
    RestoreArguments arguments = RestoreArguments.of(spec.commandLine(), directory.getValue());
    Path from = base.resolve(arguments.directory());
    Snapshot snapshot = Snapshot.open(from);
    if (snapshot.options().isEmpty()) {
      throw new UsageException(snapshot + " contains no options: use 'run --restore'");
    }
    List<String> again = arguments.runOptions();
    List<String> args = new ArrayList<>();
    args.add("run");
    args.addAll(options(snapshot, from, again));
    args.addAll(List.of("--restore", from.toString()));
    args.addAll(again);
    return args;
  }

  private List<String> options(Snapshot snapshot, Path from, List<String> again) {
    List<String> all = snapshot.options();
    Path to = sockets.getValue();
    List<String> options =
        AgentChannel.withoutSocket(RestoredOptions.without(SnapshotKey.withoutSeal(all), again));
    if (!Options.isGiven(trustOptions) && !SnapshotKey.ofUserIfThere().isSealed(all)) {
      SnapshotDirectory home = new SnapshotDirectory(from);
      boolean sealed = SnapshotKey.hasSeal(all);
      RestoredOptions.check(options, home, to != null, sealed);
      RestoredOptions.checkFiles(snapshot.files(), home, sealed);
    }
    return to == null ? options : SavedPaths.withSocketsIn(options, to);
  }
}
