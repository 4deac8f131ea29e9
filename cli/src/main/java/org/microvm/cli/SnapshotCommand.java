package org.microvm.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.qmp.QmpClient;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code microvm snapshot}: saves a running machine. */
@Command(
    name = "snapshot",
    description = "Saves a running machine for `microvm restore`. The guest is paused meanwhile.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class SnapshotCommand implements Callable<Integer> {
  @Mixin private ControlClient control;

  @Parameters(
      arity = "1..2",
      paramLabel = "[NAME] DIRECTORY",
      hideParamSyntax = true,
      description =
          "the machine's name, unless --qmp is given, and where to save it; the directory is created"
              + " if it does not exist")
  private List<String> words;

  private Path directory;

  @Option(
      names = "--diff",
      paramLabel = "BASE",
      description =
          "save only what has changed since the snapshot BASE, which a restore then also needs;"
              + " the machine must have been run with --track-dirty-pages on")
  private Path base;

  @Option(names = "--end", description = "end the machine after saving it")
  private boolean end;

  @Override
  public Integer call() throws IOException {
    directory = Options.file("DIRECTORY", control.select(words, 1, "DIRECTORY").getFirst());
    boolean sent = false;
    try (Interruption interruption = new Interruption()) {
      try (QmpClient client = control.connect()) {
        ObjectNode arguments = QmpClient.arguments();
        arguments.put("directory", directory.toAbsolutePath().toString());
        if (base != null) {
          arguments.put("base", base.toAbsolutePath().toString());
        }
        if (end) {
          // One command: the guest is never left paused, whatever happens to this process.
          arguments.put("end", true);
        }
        sent = true;
        client.execute("x-snapshot", arguments);
        warnWithoutSeal();
      } catch (InterruptedIOException e) {
        interruption.handled();
        System.err.println("microvm: interrupted: " + state(sent));
        return interruption.status();
      }
    }
    return 0;
  }

  /** The process of the machine cannot seal it if it could not write the key of its user. */
  private void warnWithoutSeal() {
    try {
      List<String> options = Snapshot.open(directory).options();
      if (!options.isEmpty() && !SnapshotKey.hasSeal(options)) {
        System.err.println(
            "microvm: %s has no seal: `restore` treats it as a foreign one. The machine's process"
                    .formatted(directory)
                + " could not use a key in its $XDG_STATE_HOME or $HOME; its messages say why");
      }
    } catch (MachineException e) {
      // It is of another user, for example; only the warning is missing.
    }
  }

  private String state(boolean sent) {
    if (!sent) {
      return ControlClient.NOTHING_SENT;
    }
    return "the machine completes the snapshot "
        + directory
        + (end ? " and ends" : " and its guest continues");
  }
}
