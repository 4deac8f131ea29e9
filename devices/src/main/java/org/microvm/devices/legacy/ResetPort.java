package org.microvm.devices.legacy;

import java.util.Objects;
import org.microvm.devices.bus.BusDevice;

/**
 * The reset control register of PC chipsets, port 0xcf9, one byte.
 *
 * <p>A write with bit 2 set resets the machine; bits 1 and 3 select kinds of reset, which are all
 * the same here. Linux uses it with {@code reboot=pci}.
 */
public final class ResetPort implements BusDevice {
  /** The port of the register. */
  public static final int PORT = 0xcf9;

  /** The number of ports. */
  public static final int PORT_COUNT = 1;

  private static final int RESET_CPU = 1 << 2;
  private static final int KIND = 1 << 1 | 1 << 3;

  private final MachineEvents events;
  private volatile int kind;

  /**
   * Creates the register.
   *
   * @param events receives the reset request
   */
  public ResetPort(MachineEvents events) {
    this.events = Objects.requireNonNull(events);
  }

  @Override
  public long read(long offset, int size) {
    return kind;
  }

  @Override
  public void write(long offset, int size, long value) {
    kind = (int) value & KIND;
    if ((value & RESET_CPU) != 0) {
      events.resetRequested("port 0xcf9");
    }
  }
}
