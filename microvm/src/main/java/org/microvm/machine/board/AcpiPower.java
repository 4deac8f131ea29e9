package org.microvm.machine.board;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.microvm.devices.legacy.AcpiRegisters;
import org.microvm.devices.legacy.CmosRtc;
import org.microvm.devices.legacy.MachineEvents;
import org.microvm.devices.legacy.PvPanic;
import org.microvm.devices.state.SectionPolicy;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateReader;
import org.microvm.devices.state.StateWriter;
import org.microvm.firmware.acpi.AcpiHardware;
import org.microvm.linux.EventFd;

/**
 * The ACPI registers of a board with their interrupt, and the description of its hardware for the
 * ACPI tables.
 *
 * <p>Every board has the registers, because a guest may be restored whose tables are in its memory.
 */
final class AcpiPower implements AutoCloseable {
  /** COM2's interrupt on a PC; this machine has no COM2, and virtio devices begin at 5. */
  private static final int EVENT_GSI = 3;

  private static final String SECTION = "acpi";

  private final EventFd interrupt;
  private final AcpiRegisters registers;

  private AcpiPower(EventFd interrupt, AcpiRegisters registers) {
    this.interrupt = interrupt;
    this.registers = registers;
  }

  /** Creates the registers; the interrupt's event is closed with them. */
  static AcpiPower of(MachineEvents events, EventFd interrupt) {
    return new AcpiPower(interrupt, new AcpiRegisters(events, interrupt::signal));
  }

  AcpiRegisters registers() {
    return registers;
  }

  Board.InterruptSource interrupt() {
    return new Board.InterruptSource(EVENT_GSI, interrupt);
  }

  /** Describes the board's hardware for the ACPI tables. */
  static AcpiHardware hardware(AcpiHardware.Uart uart, List<VirtioSlot> slots) {
    List<AcpiHardware.VirtioMmio> devices = new ArrayList<>();
    for (VirtioSlot slot : slots) {
      devices.add(new AcpiHardware.VirtioMmio(slot.address(), VirtioSlot.LENGTH, slot.gsi()));
    }
    AcpiHardware.PowerRegisters power =
        new AcpiHardware.PowerRegisters(
            AcpiRegisters.EVENT_PORT,
            EVENT_GSI,
            AcpiRegisters.SLEEP_CONTROL_PORT,
            AcpiRegisters.SLEEP_STATUS_PORT,
            AcpiRegisters.RESET_PORT);
    AcpiHardware.Clock clock = new AcpiHardware.Clock(CmosRtc.PORT, CmosRtc.IRQ);
    return new AcpiHardware(power, uart, clock, PvPanic.PORT, devices);
  }

  /**
   * Saves the registers. A program that does not know them can continue a guest that does not use
   * them.
   */
  void save(StateWriter writer) {
    SectionPolicy policy = registers.isInUse() ? SectionPolicy.REQUIRED : SectionPolicy.OPTIONAL;
    registers.save(writer.section(SECTION, registers.stateVersion(), policy));
  }

  /**
   * Restores the registers; a state of a version without ACPI has none, and its guest does not use
   * them.
   */
  void restore(StateReader reader) throws StateException {
    Optional<StateInput> saved = reader.takeIfPresent(SECTION, registers.stateVersion());
    if (saved.isPresent()) {
      registers.restore(saved.get());
    } else {
      registers.reset();
    }
  }

  @Override
  public void close() {
    interrupt.close();
  }
}
