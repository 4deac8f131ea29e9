package org.microvm.examples;

import java.io.IOException;
import org.microvm.machine.config.DiskConfig;
import org.microvm.machine.config.GuestImages;
import org.microvm.machine.config.MachineConfig;

/** The Linux guest of {@code make images}, with busybox and the QEMU guest agent. */
final class Linux {
  private Linux() {}

  /**
   * Returns the configuration of a machine with this guest, to which callers may add devices.
   *
   * @param words text for the end of the kernel command line, may be empty
   */
  static MachineConfig.Builder guest(String words) throws IOException {
    GuestImages images = GuestImages.installed();
    if (!images.present()) {
      throw new IOException("no guest images in " + images.directory() + ": run 'make images'");
    }
    return MachineConfig.builder(images.kernel())
        .commandLine((images.commandLine() + " " + words).strip())
        .disk(new DiskConfig(images.disk(), true));
  }
}
