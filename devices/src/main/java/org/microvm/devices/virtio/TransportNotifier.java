package org.microvm.devices.virtio;

import java.util.concurrent.locks.ReentrantLock;

/** Notifies the driver of used buffers and configuration changes. Takes the device lock. */
final class TransportNotifier implements VirtioInterrupt {
  private final ReentrantLock lock;
  private final TransportRegisters registers;
  private final InterruptRegisters interrupts;
  private final RegisterPageView page;

  TransportNotifier(
      ReentrantLock lock,
      TransportRegisters registers,
      InterruptRegisters interrupts,
      RegisterPageView page) {
    this.lock = lock;
    this.registers = registers;
    this.interrupts = interrupts;
    this.page = page;
  }

  @Override
  public void usedBuffers() {
    lock.lock();
    try {
      if (registers.isActive()) {
        interrupts.raise(MmioRegister.INTERRUPT_USED_BUFFERS);
      }
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void configChanged() {
    lock.lock();
    try {
      boolean notifiable = registers.configChanged();
      page.showConfig();
      if (notifiable) {
        interrupts.raise(MmioRegister.INTERRUPT_CONFIG_CHANGED);
      }
    } finally {
      lock.unlock();
    }
  }
}
