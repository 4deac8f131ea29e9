package org.microvm.machine.config;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import org.microvm.devices.virtio.TransportStatistics;
import org.microvm.virtioserial.PortStatus;

/**
 * Counters of a machine; those of a running machine may be slightly out of date.
 *
 * @param vcpus one entry for each vCPU
 * @param firstGuestInstruction when the first vCPU was about to enter the guest for the first time
 * @param firstConsoleByte when the guest wrote its first byte to the UART
 * @param consoleBytesDropped bytes of console output that were dropped because the reader was too
 *     slow
 * @param end how the machine ended, if it has
 * @param resets how often the guest was reset
 * @param devices the virtio devices, by slot
 * @param ports the channels, by number
 * @param kvm KVM's counters for the VM that are not zero, by KVM's names; empty if KVM has none
 */
public record MachineStatistics(
    List<Vcpu> vcpus,
    Optional<Instant> firstGuestInstruction,
    Optional<Instant> firstConsoleByte,
    long consoleBytesDropped,
    Optional<MachineEnd> end,
    long resets,
    List<Device> devices,
    List<PortStatus> ports,
    Map<String, Long> kvm) {

  /**
   * Counters of a virtio device and its driver.
   *
   * @param address guest-physical address of the registers
   * @param gsi number of the interrupt
   * @param deviceId the virtio device ID
   * @param mappedRegisters whether the guest reads its registers without exits
   * @param transport the counters
   */
  public record Device(
      long address,
      int gsi,
      int deviceId,
      boolean mappedRegisters,
      TransportStatistics transport) {}

  /**
   * Exits of one vCPU to user space.
   *
   * @param exitsByReason exits by KVM's name for the reason
   * @param exitsByPort port I/O exits by port
   * @param exitsByMmioAddress MMIO exits by guest-physical address
   * @param finishedInstructions instructions that this process completed because KVM's emulator
   *     lacks them, by mnemonic
   * @param kicks returns from KVM_RUN that this process requested
   * @param guestNanos time in KVM_RUN: in the guest, in KVM on its behalf, or halted
   * @param hostNanos time outside KVM_RUN, handling exits
   * @param kvm KVM's counters for the vCPU that are not zero, by KVM's names
   */
  public record Vcpu(
      SortedMap<String, Long> exitsByReason,
      Map<Long, Long> exitsByPort,
      Map<Long, Long> exitsByMmioAddress,
      Map<String, Long> finishedInstructions,
      long kicks,
      long guestNanos,
      long hostNanos,
      Map<String, Long> kvm) {

    /** {@return the number of exits of all reasons} */
    public long exits() {
      return exitsByReason.values().stream().mapToLong(Long::longValue).sum();
    }
  }
}
