package org.microvm.devices.legacy;

import org.microvm.devices.bus.BusDevice;

/**
 * The NMI status and control register of PCs, port 0x61, where a kernel looks for the cause of an
 * NMI.
 *
 * <p>Without it a read has all bits set, and Linux reports the NMI button as a system error of PCI
 * and disables its line. Bits 7 and 6, a system error and an I/O check, are never set here. The
 * others, of the speaker and the timer behind it, are as without the register.
 */
public final class NmiStatusPort implements BusDevice {
  /** The port of the register. */
  public static final int PORT = 0x61;

  /** The number of ports. */
  public static final int PORT_COUNT = 1;

  private static final long NO_ERROR = 0x3f;

  /** Creates the register. */
  public NmiStatusPort() {}

  @Override
  public long read(long offset, int size) {
    return NO_ERROR;
  }

  @Override
  public void write(long offset, int size, long value) {
    // There is no speaker, and no line to be enabled.
  }
}
