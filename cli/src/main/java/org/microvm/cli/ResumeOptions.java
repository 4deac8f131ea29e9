package org.microvm.cli;

import static java.util.Map.entry;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.microvm.machine.Machine;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.snapshot.RestoreClock;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.sandbox.FileRules;
import picocli.CommandLine.Model.OptionSpec;

/** The options of {@code microvm run} for a guest that resumes from a snapshot. */
final class ResumeOptions {
  private final OptionSpec restore =
      Options.path(
          "DIRECTORY",
          "resume from a snapshot; give all other options as for the saved machine",
          "--restore");

  private final OptionSpec clock =
      Options.text(
              "saved|realtime",
              "for --restore: saved: the guest's clocks continue where they stopped, plus at most"
                  + " 0.1 s; realtime: they advance by the elapsed time (default: saved)",
              "--clock")
          .build();

  /** The options, in the order of the help. */
  List<OptionSpec> all() {
    return List.of(restore, clock);
  }

  /** The snapshot's directory, or null if the guest boots. */
  Path directory() {
    return restore.getValue();
  }

  /** Returns the value of an option {@code --clock}. */
  static RestoreClock clock(OptionSpec clock) {
    return clock.getValue() == null
        ? RestoreClock.SAVED
        : Options.choice(
            clock, entry("saved", RestoreClock.SAVED), entry("realtime", RestoreClock.REALTIME));
  }

  /**
   * Checks the options.
   *
   * @param incoming whether the guest comes from another process
   * @throws UsageException if they contradict each other, or the clock is none that exists
   */
  void check(boolean incoming) {
    if (clock.getValue() != null && directory() == null) {
      throw new UsageException("--clock requires --restore");
    }
    if (incoming && directory() != null) {
      throw new UsageException("--incoming and --restore cannot be combined");
    }
    clock(clock);
  }

  /** Adds the snapshot to what the process may use. */
  void addTo(FileRules rules) {
    if (directory() != null) {
      rules.read(directory());
    }
  }

  /**
   * Restores the machine.
   *
   * @throws IOException if the snapshot cannot be read
   * @throws MachineException if the machine cannot be built
   */
  Machine restore(MachineConfig config) throws IOException, MachineException {
    return Machine.restore(Snapshot.open(directory()), config, clock(clock));
  }
}
