package org.microvm.machine.board;

import java.util.function.Consumer;
import org.microvm.devices.legacy.MachineEvents;
import org.microvm.machine.config.MachineEnd;

/** Routes power-off and reset requests of the guest to the current VM. */
public final class PowerSwitch implements MachineEvents {
  private volatile Consumer<MachineEnd> life;

  /** Routes requests to this VM from now on. */
  public void connect(Consumer<MachineEnd> current) {
    life = current;
  }

  @Override
  public void resetRequested(String how) {
    life.accept(new MachineEnd.Reset(how));
  }

  @Override
  public void powerOffRequested() {
    life.accept(new MachineEnd.PowerOff());
  }

  @Override
  public void exitRequested(int status) {
    life.accept(new MachineEnd.DebugExit(status));
  }
}
