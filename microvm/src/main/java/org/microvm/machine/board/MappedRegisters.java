package org.microvm.machine.board;

import java.lang.foreign.MemorySegment;
import org.microvm.devices.virtio.RegisterPage;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventFd;

/**
 * The resources with which the driver of a virtio-mmio device works without exits to user space
 * once it is set up: a page for the registers that it reads, and an eventfd for its
 * acknowledgements.
 *
 * @param page mapped read-only in the guest at the device's address; the caller keeps it mapped on
 *     the host
 * @param acknowledgements signalled by KVM when the driver acknowledges used buffers
 */
public record MappedRegisters(MemorySegment page, EventFd acknowledgements) {
  static MappedRegisters open(MemorySegment page) throws ErrnoException {
    return new MappedRegisters(page, EventFd.open());
  }

  /** The device's view of the page and the acknowledgements. */
  RegisterPage registerPage() {
    return new RegisterPage(page, acknowledgements::drain);
  }

  /** Closes the eventfd, after the device and the VM that used it. */
  void close() {
    acknowledgements.close();
  }
}
