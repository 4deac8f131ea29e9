package org.microvm.cli;

import java.io.PrintStream;
import org.microvm.machine.config.MachineEnd;

/**
 * Maps the end of a machine to the exit status of the process.
 *
 * <p>The statuses of ends other than success are even, because the debug exit port makes odd ones.
 * They lie above those of sysexits.h (64 to 78) and below what timeout, env and shells use (124 to
 * 127, then 128 + signal).
 */
final class ExitStatus {
  /** The guest's kernel panicked. */
  static final int PANICKED = 112;

  /** The guest triple-faulted. */
  static final int TRIPLE_FAULT = 114;

  /** The guest halted without a power-off. */
  static final int HALTED = 116;

  /** The guest was reset too often in a row. */
  static final int RESET_LOOP = 118;

  /** The guest ended, in an orderly way, before the command that it ran. */
  static final int COMMAND_LOST = 120;

  /** The time limit passed, as with timeout(1). */
  static final int TIMEOUT = 124;

  private ExitStatus() {}

  /** Returns the status, and prints why unless the guest ended in an orderly way. */
  static int of(MachineEnd end, PrintStream err) {
    return switch (end) {
      case MachineEnd.PowerOff() -> 0;
      case MachineEnd.Reset(String how) -> 0;
      case MachineEnd.Stopped() -> 0;
      case MachineEnd.Migrated() -> 0;
      case MachineEnd.DebugExit(int status) -> status & 0xff;
      case MachineEnd.Panicked panic -> {
        print(err, panic.report());
        yield PANICKED;
      }
      case MachineEnd.TripleFault(String report) -> {
        print(err, report);
        yield TRIPLE_FAULT;
      }
      case MachineEnd.Halted(String report) -> {
        print(err, report);
        yield HALTED;
      }
      case MachineEnd.ResetLoop(int resets, String last) -> {
        err.println(
            "microvm: the guest was reset %d times in a row, each time within a minute and without"
                    .formatted(resets)
                + " opening a channel; the last time by "
                + last
                + " (--reset-limit)");
        yield RESET_LOOP;
      }
      case MachineEnd.Failed(String report) -> {
        print(err, report);
        yield Main.FAILED;
      }
    };
  }

  private static void print(PrintStream err, String report) {
    err.println("microvm: " + GuestText.plainLines(report));
  }
}
