package org.microvm.virtioserial;

import org.microvm.devices.bus.BusDevice;

/** Registers whose device may be exchanged; the driver does not notice. One thread. */
final class MovingBus implements BusDevice {
  private BusDevice target;

  MovingBus(BusDevice target) {
    this.target = target;
  }

  void target(BusDevice device) {
    target = device;
  }

  @Override
  public long read(long offset, int size) {
    return target.read(offset, size);
  }

  @Override
  public void write(long offset, int size, long value) {
    target.write(offset, size, value);
  }
}
