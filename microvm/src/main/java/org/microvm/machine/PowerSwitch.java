package org.microvm.machine;

import org.microvm.devices.legacy.MachineEvents;

/** Takes a guest's wish to end to the life that is going on. */
final class PowerSwitch implements MachineEvents {
  private volatile VcpuThread.Ender life;

  void connect(VcpuThread.Ender current) {
    life = current;
  }

  @Override
  public void resetRequested(String how) {
    life.end(new MachineEnd.Reset(how));
  }

  @Override
  public void powerOffRequested() {
    life.end(new MachineEnd.PowerOff());
  }

  @Override
  public void exitRequested(int status) {
    life.end(new MachineEnd.DebugExit(status));
  }
}
