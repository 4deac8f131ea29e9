package org.microvm.firmware.acpi;

import java.util.List;
import java.util.Objects;
import org.microvm.firmware.layout.GuestLayout;

/**
 * The hardware that the ACPI tables describe, apart from the processors.
 *
 * @param power the registers of power management
 * @param uart the serial port
 * @param clock the MC146818 clock
 * @param panicPort the port of the pvpanic device
 * @param devices the virtio-mmio devices, by slot
 */
public record AcpiHardware(
    PowerRegisters power, Uart uart, Clock clock, int panicPort, List<VirtioMmio> devices) {

  /**
   * Guest-physical address of the 16 bytes of the generation identifier, on a separate page that
   * the memory map reserves.
   */
  public static final long GENERATION_ID = GuestLayout.VM_GENERATION_ID;

  /** Rejects null. */
  public AcpiHardware {
    Objects.requireNonNull(power, "power");
    Objects.requireNonNull(uart, "uart");
    Objects.requireNonNull(clock, "clock");
    devices = List.copyOf(devices);
  }

  /**
   * The registers of power management, of one byte each.
   *
   * @param eventPort pending events; a read clears them, a write of 1 announces their reader
   * @param eventGsi the edge-triggered interrupt of a new event
   * @param sleepControlPort the sleep control register (section 4.8.3.7)
   * @param sleepStatusPort the sleep status register (section 4.8.3.7)
   * @param resetPort the reset register (section 4.8.3.6); writing 1 resets the machine
   */
  public record PowerRegisters(
      int eventPort, int eventGsi, int sleepControlPort, int sleepStatusPort, int resetPort) {}

  /**
   * A 16550 UART.
   *
   * @param port first of its eight ports
   * @param gsi its edge-triggered interrupt, below 16
   */
  public record Uart(int port, int gsi) {}

  /**
   * An MC146818 clock.
   *
   * @param port first of its two ports
   * @param gsi its edge-triggered interrupt, below 16
   */
  public record Clock(int port, int gsi) {}

  /**
   * A virtio-mmio device.
   *
   * @param address guest-physical address of its registers, below 4 GiB
   * @param length length of the register range in bytes
   * @param gsi its edge-triggered interrupt
   */
  public record VirtioMmio(long address, long length, int gsi) {}
}
