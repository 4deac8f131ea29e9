package org.microvm.devices.legacy;

import java.util.Objects;
import org.microvm.devices.bus.BusDevice;

/**
 * The ACPI PM1a control register: 16 bits at port 0x604, as on QEMU's PC.
 *
 * <p>A write with SLP_EN (bit 13) and sleep type 0, which is S5 in QEMU's tables, switches the
 * machine off: {@code outw 0x2000}. Other sleep types are ignored, because there are no sleep
 * states to wake from.
 */
public final class PowerPort implements BusDevice {
  /** The port of the register. */
  public static final int PORT = 0x604;

  /** The number of ports. */
  public static final int PORT_COUNT = 2;

  private static final int SCI_EN = 1;
  private static final int SLP_EN = 1 << 13;
  private static final int SLP_TYP = 7 << 10;

  private final MachineEvents events;

  /**
   * Creates the register.
   *
   * @param events receives the power-off request
   */
  public PowerPort(MachineEvents events) {
    this.events = Objects.requireNonNull(events);
  }

  /** Reads as ACPI mode enabled, since there is no other mode. */
  @Override
  public long read(long offset, int size) {
    return offset == 0 ? SCI_EN : 0;
  }

  @Override
  public void write(long offset, int size, long value) {
    // ACPI allows the halves to be written one by one; the upper one holds the sleep bits.
    long register = value << (offset * Byte.SIZE);
    if ((register & (SLP_EN | SLP_TYP)) == SLP_EN) {
      events.powerOffRequested();
    }
  }
}
