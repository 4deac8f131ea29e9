package org.microvm.qmp;

import java.util.List;
import org.microvm.machine.config.DiskConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.Topology;

/**
 * The parts of a machine that clients can query.
 *
 * @param memoryBytes size of the guest's memory
 * @param topology the vCPUs
 * @param disks the disks, in the order of their slots
 * @param acpi whether the guest is given ACPI tables
 */
public record MachineFacts(
    long memoryBytes, Topology topology, List<DiskConfig> disks, boolean acpi) {
  /** Copies the list. */
  public MachineFacts {
    disks = List.copyOf(disks);
  }

  /**
   * {@return the facts of a configured machine}
   *
   * @param config what the machine is made from
   */
  public static MachineFacts of(MachineConfig config) {
    return new MachineFacts(config.memoryBytes(), config.topology(), config.disks(), config.acpi());
  }
}
