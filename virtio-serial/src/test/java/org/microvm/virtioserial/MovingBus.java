package org.microvm.virtioserial;

import org.microvm.devices.bus.BusDevice;

/**
 * A bus device that forwards register accesses to a device that can be exchanged without the driver
 * noticing. For use by one thread.
 */
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
