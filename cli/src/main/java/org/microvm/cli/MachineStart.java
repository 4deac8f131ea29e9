package org.microvm.cli;

import java.io.IOException;
import org.microvm.machine.Machine;
import org.microvm.machine.config.MachineException;
import org.microvm.virtioserial.PortException;

/** Makes the machine that options describe. */
@FunctionalInterface
interface MachineStart {
  /** Creates, restores or receives the machine. */
  Machine start() throws IOException, MachineException;

  /**
   * Makes a machine. Ports that cannot exist together, or not with their chardev, are found when
   * the device gets them; they are usage errors like other wrong options.
   *
   * @throws UsageException if the device refuses a port
   * @throws IOException if a file cannot be used
   * @throws MachineException if the machine cannot be built
   */
  static Machine make(MachineStart start) throws IOException, MachineException {
    try {
      return start.start();
    } catch (MachineException e) {
      if (e.getCause() instanceof PortException refused) {
        throw new UsageException("--device: " + refused.getMessage());
      }
      throw e;
    }
  }
}
