package org.microvm.qmp;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.List;
import org.microvm.kvm.KvmStats;
import org.microvm.machine.GuestActions;
import org.microvm.machine.GuestInspection;
import org.microvm.machine.Machine;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.config.OnPanic;
import org.microvm.machine.config.OnReset;

/** The access to the guest of a machine. */
record MachineAccess(GuestInspection inspection, GuestActions actions) implements GuestAccess {
  static MachineAccess of(Machine machine) {
    return new MachineAccess(GuestInspection.of(machine), GuestActions.of(machine));
  }

  private interface Call<T> {
    T run() throws MachineException, InterruptedException;
  }

  private static <T> T call(Call<T> call) throws IOException {
    try {
      return call.run();
    } catch (MachineException e) {
      throw new IOException(e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    }
  }

  @Override
  public void readPhysical(long address, byte[] target) throws IOException {
    call(
        () -> {
          inspection.readPhysical(address, target);
          return null;
        });
  }

  @Override
  public boolean readVirtual(int vcpu, long address, byte[] target) throws IOException {
    return call(() -> inspection.readVirtual(vcpu, address, target));
  }

  @Override
  public void injectNmi() throws IOException {
    call(inspection::injectNmi);
  }

  @Override
  public long dirtyRate(Duration time, int pagesPerGib) throws IOException {
    return call(() -> inspection.dirtyRate(time, pagesPerGib));
  }

  @Override
  public List<KvmStats.Kind> counters(boolean vcpu) throws IOException {
    return call(vcpu ? inspection::vcpuCounters : inspection::vmCounters);
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
