package org.microvm.machine.vcpu;

import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.microvm.kvm.ExitReason;
import org.microvm.kvm.KvmStats;
import org.microvm.linux.ErrnoException;
import org.microvm.machine.config.MachineStatistics;

/**
 * Everything that is counted about one vCPU.
 *
 * @param exits counted by its thread
 * @param finisher counts the instructions it finished
 * @param kernel KVM's own counters, where this KVM shows them
 */
public record VcpuAccount(
    ExitStatistics exits, InstructionFinisher finisher, Optional<KvmStats> kernel) {

  /** The figures as they are now. */
  public MachineStatistics.Vcpu read() {
    SortedMap<String, Long> reasons = new TreeMap<>();
    exits.reasons().forEach((reason, count) -> reasons.put(ExitReason.name(reason), count));
    return new MachineStatistics.Vcpu(
        reasons,
        exits.ports(),
        exits.mmioAddresses(),
        finisher.counts(),
        exits.kicks(),
        exits.guestNanos(),
        exits.hostNanos(),
        kernel.map(VcpuAccount::counters).orElse(Map.of()));
  }

  /** The counters that have counted something. */
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
      // Statistics must not end a machine; there are none, then.
      return Map.of();
    }
    return counters;
  }
}
