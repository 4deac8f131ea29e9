package org.microvm.machine.vm;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.microvm.kvm.KvmStats;
import org.microvm.kvm.Vcpu;
import org.microvm.kvm.Vm;
import org.microvm.linux.ErrnoException;
import org.microvm.machine.config.MachineStatistics;
import org.microvm.machine.emulation.InstructionEmulator;
import org.microvm.machine.vcpu.ExitStatistics;
import org.microvm.machine.vcpu.VcpuAccount;

/**
 * The counters of a VM and its vCPUs: those of this program and, where KVM has them, the kernel's.
 */
public final class VmCounters {
  private final Optional<KvmStats> kernel;
  private final List<VcpuAccount> accounts = new ArrayList<>();

  /** Counts without the kernel. */
  VmCounters() {
    kernel = Optional.empty();
  }

  private VmCounters(KvmStats kernel) {
    this.kernel = Optional.of(kernel);
  }

  /**
   * Counts in the kernel as well.
   *
   * @param onDemand whether the VM's counters keep no descriptor open
   * @param owned closes the counters
   */
  static VmCounters withKernel(Vm vm, boolean onDemand, OwnedParts owned) throws ErrnoException {
    return new VmCounters(owned.own(onDemand ? vm.statisticsOnDemand() : vm.statistics()));
  }

  /** Adds a vCPU; its counters in the kernel are closed with the owned parts. */
  void add(Vcpu vcpu, ExitStatistics exits, InstructionEmulator emulator, OwnedParts owned)
      throws ErrnoException {
    Optional<KvmStats> ofVcpu =
        kernel.isPresent() ? Optional.of(owned.own(vcpu.statistics())) : Optional.empty();
    accounts.add(new VcpuAccount(exits, emulator, ofVcpu));
  }

  /** The counters of each vCPU, by number. */
  List<VcpuAccount> accounts() {
    return accounts;
  }

  /** Reads the counters of each vCPU. */
  public List<MachineStatistics.Vcpu> vcpus() {
    return accounts.stream().map(VcpuAccount::read).toList();
  }

  /** Reads KVM's counters for the VM. */
  public Map<String, Long> kernel() {
    return kernel.map(VcpuAccount::counters).orElse(Map.of());
  }

  /** The kinds of counters that KVM has of this VM. */
  public List<KvmStats.Kind> kindsOfVm() throws ErrnoException {
    return kernel.isPresent() ? kernel.get().kinds() : List.of();
  }

  /** The kinds of counters that KVM has of each vCPU. */
  public List<KvmStats.Kind> kindsOfVcpu() throws ErrnoException {
    Optional<KvmStats> first = accounts.getFirst().kernel();
    return first.isPresent() ? first.get().kinds() : List.of();
  }

  /**
   * {@link System#nanoTime} right before the guest's first instruction, or 0 if it has not run yet.
   */
  public long firstEntryNanos() {
    return accounts.getFirst().exits().firstEntryNanos();
  }
}
