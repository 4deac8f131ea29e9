package org.microvm.machine.board;

import java.lang.foreign.MemorySegment;
import org.microvm.devices.virtio.RegisterPage;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventFd;

/**
 * What a virtio-mmio device needs so that its driver, once it is set up, makes no exit to user
 * space: a page for the registers that it reads, and an eventfd for its acknowledgements.
 *
 * @param page shown to the guest read-only at the device's address; whoever asks keeps it mapped
 * @param acknowledgements signalled by KVM when the driver acknowledges used buffers
 */
public record MappedRegisters(MemorySegment page, EventFd acknowledgements) {
  static MappedRegisters open(MemorySegment page) throws ErrnoException {
    return new MappedRegisters(page, EventFd.open());
  }

  /** The device's side. */
  RegisterPage registerPage() {
    return new RegisterPage(page, acknowledgements::drain);
  }

  /** Closes the eventfd; the device and the VM that used it are gone. */
  void close() {
    acknowledgements.close();
  }
}
