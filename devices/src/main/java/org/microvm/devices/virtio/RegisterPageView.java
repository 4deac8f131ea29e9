package org.microvm.devices.virtio;

/**
 * Copies register values to the {@link RegisterPage}, if there is one. Guarded by the device lock.
 */
interface RegisterPageView {
  /** Copies every register and the configuration space. */
  void showAll();

  /** Copies the registers that a write of another one may have changed. */
  void showRegisters();

  /** Copies the configuration space and its generation. */
  void showConfig();

  /**
   * Returns the view of a page.
   *
   * @param page the page, or null if every access is an exit, so that there is nothing to update
   */
  static RegisterPageView of(RegisterPage page, TransportRegisters registers, VirtioDevice device) {
    return page == null ? new NoPage() : new Mapped(page, registers, device);
  }

  /** Every access is an exit. */
  record NoPage() implements RegisterPageView {
    @Override
    public void showAll() {}

    @Override
    public void showRegisters() {}

    @Override
    public void showConfig() {}
  }

  /** The guest reads the page. */
  record Mapped(RegisterPage page, TransportRegisters registers, VirtioDevice device)
      implements RegisterPageView {
    @Override
    public void showAll() {
      for (int offset = 0; offset < MmioRegister.CONFIG; offset += Integer.BYTES) {
        show(offset);
      }
      showConfig();
    }

    @Override
    public void showRegisters() {
      show(MmioRegister.DEVICE_FEATURES);
      show(MmioRegister.QUEUE_SIZE_MAX);
      show(MmioRegister.QUEUE_READY);
      show(MmioRegister.STATUS);
    }

    @Override
    public void showConfig() {
      for (int at = 0; at < RegisterPage.CONFIG_BYTES; at += Integer.BYTES) {
        page.put(MmioRegister.CONFIG + at, (int) device.readConfig(at, Integer.BYTES));
      }
      show(MmioRegister.CONFIG_GENERATION);
    }

    private void show(int offset) {
      page.put(offset, registers.read(offset));
    }
  }
}
