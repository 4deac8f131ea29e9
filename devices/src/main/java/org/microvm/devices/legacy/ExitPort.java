package org.microvm.devices.legacy;

import java.util.Objects;
import org.microvm.devices.bus.BusDevice;

/**
 * QEMU's {@code isa-debug-exit} at port 0xf4, four ports wide, as test suites configure it.
 *
 * <p>A write of {@code v} ends the VMM with status {@code (v << 1) | 1}, never 0, so that a test
 * can distinguish a guest that reports success (0 gives 1) from a VMM that ended for another
 * reason.
 */
public final class ExitPort implements BusDevice {
  /** The first port of the range. */
  public static final int PORT = 0xf4;

  /** The number of ports. */
  public static final int PORT_COUNT = 4;

  private final MachineEvents events;

  /**
   * Creates the port.
   *
   * @param events receives the exit request
   */
  public ExitPort(MachineEvents events) {
    this.events = Objects.requireNonNull(events);
  }

  @Override
  public long read(long offset, int size) {
    return 0;
  }

  @Override
  public void write(long offset, int size, long value) {
    events.exitRequested((int) (value << 1) | 1);
  }
}
