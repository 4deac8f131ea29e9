package org.microvm.machine.vm;

import java.util.Optional;
import org.microvm.firmware.BootException;
import org.microvm.firmware.BootProtocol;
import org.microvm.firmware.BootRequest;
import org.microvm.firmware.CommandLine;
import org.microvm.machine.board.Board;
import org.microvm.machine.board.VirtioSlot;
import org.microvm.machine.config.MachineConfig;

/** Creates the request to the boot loader: the kernel, and the announcements of devices. */
final class GuestBoot {
  private GuestBoot() {}

  /**
   * Returns what is to be loaded. The command line announces each virtio device, for kernels
   * without ACPI.
   *
   * @throws BootException if the command line cannot be used
   */
  static BootRequest request(MachineConfig config, Board board) throws BootException {
    CommandLine line = CommandLine.of(config.commandLine());
    for (VirtioSlot slot : board.slots()) {
      line = line.virtioMmio(slot.address(), VirtioSlot.LENGTH, slot.gsi());
    }
    return new BootRequest(
        config.kernel(),
        config.initrd(),
        line.toString(),
        config.topology().apicIds(),
        BootProtocol.AUTO,
        config.acpi() ? Optional.of(board.acpiHardware()) : Optional.empty());
  }
}
