package org.microvm.cli;

import java.io.PrintStream;
import org.microvm.machine.config.MachineEnd;

/** Maps the end of a machine to the exit status of the process. */
final class ExitStatus {
  private ExitStatus() {}

  /** Returns the status, and prints the report if the machine failed. */
  static int of(MachineEnd end, PrintStream err) {
    return switch (end) {
      case MachineEnd.PowerOff() -> 0;
      case MachineEnd.Reset(String how) -> 0;
      case MachineEnd.Stopped() -> 0;
      case MachineEnd.Migrated() -> 0;
      case MachineEnd.DebugExit(int status) -> status & 0xff;
      case MachineEnd.Failed(String report) -> {
        err.println("microvm: " + report);
        yield Main.FAILED;
      }
    };
  }
}
