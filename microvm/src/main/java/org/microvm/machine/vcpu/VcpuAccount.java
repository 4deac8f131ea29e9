package org.microvm.machine.vcpu;

import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.microvm.kvm.ExitReason;
import org.microvm.kvm.KvmStats;
import org.microvm.linux.ErrnoException;
import org.microvm.machine.config.MachineStatistics;
import org.microvm.machine.emulation.InstructionEmulator;

/**
 * The counters of one vCPU.
 *
 * @param exits counters of its exits
 * @param emulator counts emulated instructions
 * @param kernel KVM's own counters, if this KVM has them
 */
public record VcpuAccount(
    ExitStatistics exits, InstructionEmulator emulator, Optional<KvmStats> kernel) {

  /** Reads the current values. */
  public MachineStatistics.Vcpu read() {
    SortedMap<String, Long> reasons = new TreeMap<>();
    exits.reasons().forEach((reason, count) -> reasons.put(ExitReason.name(reason), count));
    return new MachineStatistics.Vcpu(
        reasons,
        exits.ports(),
        exits.mmioAddresses(),
        emulator.counts(),
        exits.kicks(),
        exits.guestNanos(),
        exits.hostNanos(),
        kernel.map(VcpuAccount::counters).orElse(Map.of()));
  }

  /** Reads KVM's counters that are not zero. */
  public static Map<String, Long> counters(KvmStats kernel) {
    SortedMap<String, Long> counters = new TreeMap<>();
    try {
      kernel
          .read()
          .forEach(
              (name, value) -> {
                if (value != 0) {
                  counters.put(name, value);
                }
              });
    } catch (ErrnoException e) {
      // A failure to read statistics must not end a machine: return none.
      return Map.of();
    }
    return counters;
  }
}
