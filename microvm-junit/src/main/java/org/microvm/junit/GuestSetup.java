package org.microvm.junit;

import java.io.IOException;
import java.nio.file.Path;
import org.microvm.machine.config.MachineConfig;

/** Completes a guest's machine in ways that an annotation has no words for, such as more disks. */
@FunctionalInterface
public interface GuestSetup {
  /**
   * Changes what the machine is made of, before it is made.
   *
   * @param machine what {@link MicroVm} made of it
   * @param directory the guest's own, for sockets and images; it is deleted with the guest
   */
  void complete(MachineConfig.Builder machine, Path directory) throws IOException;

  /** Leaves the machine as it is. */
  final class Nothing implements GuestSetup {
    /** Made by the extension. */
    public Nothing() {}

    @Override
    public void complete(MachineConfig.Builder machine, Path directory) {
      // The annotation has said everything.
    }
  }
}
