package org.microvm.cli;

import java.io.PrintStream;
import org.microvm.machine.config.MachineEnd;

/** The process status for each end of a machine. */
final class ExitStatus {
  private ExitStatus() {}

  /** The status; a failure's report is printed. */
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
