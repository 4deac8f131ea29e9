package org.microvm.machine;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;

/**
 * What a machine has done so far; figures of a running machine may be a moment old.
 *
 * @param vcpus one entry for each vCPU
 * @param firstGuestInstruction when the first vCPU was about to enter the guest for the first time
 * @param firstConsoleByte when the guest wrote its first byte to the UART
 * @param consoleBytesDropped bytes of console output that nobody read in time
 * @param resets how often the guest was started again
 */
public record MachineStatistics(
    List<Vcpu> vcpus,
    Optional<Instant> firstGuestInstruction,
    Optional<Instant> firstConsoleByte,
    long consoleBytesDropped,
    long resets) {

  /**
   * What made one vCPU leave the guest for user space.
   *
   * @param exitsByReason exits by KVM's name for the reason
   * @param exitsByPort port I/O exits by port
   * @param exitsByMmioAddress MMIO exits by guest-physical address
   * @param finishedInstructions instructions done for an emulating host, by mnemonic
   * @param kicks returns from the guest that this process asked for
   */
  public record Vcpu(
      SortedMap<String, Long> exitsByReason,
      Map<Long, Long> exitsByPort,
      Map<Long, Long> exitsByMmioAddress,
      Map<String, Long> finishedInstructions,
      long kicks) {

    /** Exits of all reasons. */
    public long exits() {
      return exitsByReason.values().stream().mapToLong(Long::longValue).sum();
    }
  }
}
