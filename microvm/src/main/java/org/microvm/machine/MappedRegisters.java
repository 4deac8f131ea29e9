package org.microvm.machine;

import org.microvm.devices.virtio.RegisterPage;
import org.microvm.devices.virtio.VirtioMmioTransport;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventFd;
import org.microvm.linux.Mapping;

/**
 * What a virtio-mmio device needs so that its driver, once it is set up, makes no exit to user
 * space: a page for the registers that it reads, and an eventfd for its acknowledgements.
 *
 * @param page shown to the guest read-only at the device's address
 * @param acknowledgements signalled by KVM when the driver acknowledges used buffers
 */
record MappedRegisters(Mapping page, EventFd acknowledgements) {
  static MappedRegisters open() throws ErrnoException {
    Mapping page = Mapping.anonymous(VirtioMmioTransport.LENGTH);
    try {
      return new MappedRegisters(page, EventFd.open());
    } catch (ErrnoException e) {
      page.close();
      throw e;
    }
  }

  /** The device's side. */
  RegisterPage registerPage() {
    return new RegisterPage(page.segment(), acknowledgements::drain);
  }

  /** Closes both; the device and the VM that used them are gone. */
  void close() {
    acknowledgements.close();
    page.close();
  }
}
