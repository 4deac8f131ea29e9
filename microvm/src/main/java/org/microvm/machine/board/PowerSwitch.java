package org.microvm.machine.board;

import java.util.function.Consumer;
import org.microvm.devices.legacy.MachineEvents;
import org.microvm.machine.config.MachineEnd;

/** Routes requests of the guest, such as a power-off, and its panics to the current VM. */
public final class PowerSwitch implements MachineEvents {
  /** The description of a panic that the guest has reported at the port. */
  public static final String PVPANIC = "reported at the pvpanic port";

  private volatile Consumer<MachineEnd> life;
  private volatile Panics panics;

  /** Decides what a panic means for the VM; called on a vCPU thread and must not block. */
  public interface Panics {
    /** Returns whether the guest's panic ends the VM; otherwise the guest is being paused. */
    boolean endsGuest();

    /** Records that the guest has panicked, and that its crash kernel takes over. */
    void crashKernelLoaded();
  }

  /** Sets the handler of panics, before the guest starts. */
  public void onPanic(Panics decider) {
    panics = decider;
  }

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
  public void panicked() {
    if (panics.endsGuest()) {
      life.accept(new MachineEnd.Panicked("", PVPANIC));
    }
  }

  @Override
  public void crashKernelLoaded() {
    panics.crashKernelLoaded();
  }

  @Override
  public void exitRequested(int status) {
    life.accept(new MachineEnd.DebugExit(status));
  }
}
