package org.microvm.machine.board;

import java.util.function.Consumer;
import org.microvm.devices.legacy.MachineEvents;
import org.microvm.machine.config.MachineEnd;

/** Takes a guest's wish to end to the life that is going on. */
public final class PowerSwitch implements MachineEvents {
  private volatile Consumer<MachineEnd> life;

  /** Tells this life from now on. */
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
