package org.microvm.qmp;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import org.microvm.kvm.KvmStats;
import org.microvm.machine.GuestActions;
import org.microvm.machine.GuestInspection;
import org.microvm.machine.Machine;
import org.microvm.machine.config.OnPanic;
import org.microvm.machine.config.OnReset;

/** The access to the guest of a machine. */
record MachineAccess(GuestInspection inspection, GuestActions actions) implements GuestAccess {
  static MachineAccess of(Machine machine) {
    return new MachineAccess(GuestInspection.of(machine), GuestActions.of(machine));
  }

  @Override
  public void readPhysical(long address, byte[] target) throws IOException {
    MachineCall.run(() -> inspection.readPhysical(address, target));
  }

  @Override
  public boolean readVirtual(int vcpu, long address, byte[] target) throws IOException {
    return MachineCall.get(() -> inspection.readVirtual(vcpu, address, target));
  }

  @Override
  public void injectNmi() throws IOException {
    MachineCall.run(inspection::injectNmi);
  }

  @Override
  public long dirtyRate(Duration time, int pagesPerGib) throws IOException {
    return MachineCall.get(() -> inspection.dirtyRate(time, pagesPerGib));
  }

  @Override
  public List<KvmStats.Kind> counters(boolean vcpu) throws IOException {
    return MachineCall.get(vcpu ? inspection::vcpuCounters : inspection::vmCounters);
  }

  @Override
  public void onReset(OnReset action) {
    actions.onReset(action);
  }

  @Override
  public void onPanic(OnPanic action) {
    actions.onPanic(action);
  }
}
