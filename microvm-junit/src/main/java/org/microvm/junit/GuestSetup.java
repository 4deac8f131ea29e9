package org.microvm.junit;

import java.io.IOException;
import java.nio.file.Path;
import org.microvm.machine.config.MachineConfig;

/**
 * Configures a guest's machine beyond the attributes of {@link MicroVm}, for instance with more
 * disks.
 */
@FunctionalInterface
public interface GuestSetup {
  /**
   * Changes the machine's configuration before the machine is created.
   *
   * @param machine the configuration from the annotation
   * @param directory the guest's directory for sockets and images, which is deleted with the guest
   * @throws IOException if that fails, for instance because a file cannot be created; the guest's
   *     tests then fail
   */
  void complete(MachineConfig.Builder machine, Path directory) throws IOException;

  /** Changes nothing. */
  final class Nothing implements GuestSetup {
    /** Called by the extension. */
    public Nothing() {}

    @Override
    public void complete(MachineConfig.Builder machine, Path directory) {
      // The annotation is the whole configuration.
    }
  }
}
