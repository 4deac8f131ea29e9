package org.microvm.devices.legacy;

import java.util.Objects;
import org.microvm.devices.bus.BusDevice;

/**
 * QEMU's {@code pvpanic} device at its usual ISA port, 0x505: one byte by which a guest's kernel
 * reports that it has panicked (QEMU's docs/specs/pvpanic.rst; Linux's drivers/misc/pvpanic).
 *
 * <p>A read returns the supported events: bit 0, the guest has panicked and expects the host to
 * act; bit 1, it has panicked and its crash kernel takes over. A write reports events; if both bits
 * are set, bit 0 counts, as in QEMU. Unknown bits are ignored.
 */
public final class PvPanic implements BusDevice {
  /** The port. */
  public static final int PORT = 0x505;

  /** The number of ports. */
  public static final int PORT_COUNT = 1;

  private static final int PANICKED = 1;
  private static final int CRASH_LOADED = 1 << 1;

  private final MachineEvents events;

  /**
   * Creates the device.
   *
   * @param events receives the reports
   */
  public PvPanic(MachineEvents events) {
    this.events = Objects.requireNonNull(events);
  }

  @Override
  public long read(long offset, int size) {
    return PANICKED | CRASH_LOADED;
  }

  @Override
  public void write(long offset, int size, long value) {
    if ((value & PANICKED) != 0) {
      events.panicked();
    } else if ((value & CRASH_LOADED) != 0) {
      events.crashKernelLoaded();
    }
  }
}
