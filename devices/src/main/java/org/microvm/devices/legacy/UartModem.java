package org.microvm.devices.legacy;

/**
 * The modem control and modem status registers of a {@link Uart16550}. The modem is always on: CTS,
 * DSR and DCD are asserted, unless the port is in loopback mode, in which its four outputs are
 * wired to its four inputs. Not thread-safe.
 */
final class UartModem {
  private static final int MCR_DTR = 1;
  private static final int MCR_RTS = 1 << 1;
  private static final int MCR_OUT1 = 1 << 2;
  private static final int MCR_OUT2 = 1 << 3;
  private static final int MCR_LOOP = 1 << 4;
  private static final int MCR_READY = MCR_DTR | MCR_OUT2;
  static final int MCR_ALL = 0x1f;

  private static final int MSR_RING_ENDED = 1 << 2;
  private static final int MSR_CTS = 1 << 4;
  private static final int MSR_DSR = 1 << 5;
  private static final int MSR_RING = 1 << 6;
  private static final int MSR_DCD = 1 << 7;
  private static final int MSR_LINES_SHIFT = 4;

  /** The bits of the modem status register that report changes. */
  static final int MSR_CHANGES = 0x0f;

  private int control;
  private int changes;

  /** The modem control register. */
  int control() {
    return control;
  }

  /** The changes that the modem status register has not reported yet. */
  int changes() {
    return changes;
  }

  /** Sets both registers, when a guest is restored or reset. */
  void restore(int controlRegister, int changesOfStatus) {
    control = controlRegister;
    changes = changesOfStatus;
  }

  /** Whether a write of the modem control register begins loopback mode. */
  boolean beginsLoop(int value) {
    return (value & ~control & MCR_LOOP) != 0;
  }

  /** Writes the modem control register. */
  void control(int value) {
    int before = lines();
    control = value & MCR_ALL;
    int after = lines();
    int changed = (before ^ after) & ~MSR_RING;
    if ((before & ~after & MSR_RING) != 0) {
      changed |= MSR_RING_ENDED << MSR_LINES_SHIFT;
    }
    changes |= changed >> MSR_LINES_SHIFT;
  }

  /** Reads the modem status register, which clears the changes that it reports. */
  int status() {
    int status = lines() | changes;
    changes = 0;
    return status;
  }

  /** Whether the port is in loopback mode. */
  boolean looped() {
    return (control & MCR_LOOP) != 0;
  }

  /** Whether the guest has raised the lines of a terminal that is ready. */
  boolean isReady() {
    return (control & MCR_READY) == MCR_READY;
  }

  private int lines() {
    if (!looped()) {
      return MSR_CTS | MSR_DSR | MSR_DCD;
    }
    return ((control & MCR_RTS) != 0 ? MSR_CTS : 0)
        | ((control & MCR_DTR) != 0 ? MSR_DSR : 0)
        | ((control & MCR_OUT1) != 0 ? MSR_RING : 0)
        | ((control & MCR_OUT2) != 0 ? MSR_DCD : 0);
  }
}
