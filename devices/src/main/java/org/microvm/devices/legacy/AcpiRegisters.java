package org.microvm.devices.legacy;

import java.util.Objects;
import org.microvm.devices.IrqTrigger;
import org.microvm.devices.bus.BusDevice;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;
import org.microvm.devices.state.Stateful;

/**
 * The registers of a hardware-reduced ACPI machine (ACPI 6.5, section 4.1), of one byte each at
 * ports 0x600 to 0x603: events, sleep control, sleep status, and reset.
 *
 * <p>The event register belongs to the generic event device (section 5.6.9). A read returns the
 * pending events and clears them. The guest's operating system writes 1 when it has loaded the ACPI
 * tables; before that an event has no receiver.
 *
 * <p>The sleep control register switches the machine off if the guest enters S5, and ignores other
 * sleep types, which the tables do not offer. There is no sleep state to wake from, so the sleep
 * status register is always 0.
 */
public final class AcpiRegisters implements BusDevice, Stateful {
  /** The first port of the range. */
  public static final int PORT = 0x600;

  /** The number of ports. */
  public static final int PORT_COUNT = 4;

  /** Port of the event register. */
  public static final int EVENT_PORT = PORT;

  /** Port of the sleep control register (section 4.8.3.7). */
  public static final int SLEEP_CONTROL_PORT = PORT + 1;

  /** Port of the sleep status register (section 4.8.3.7). */
  public static final int SLEEP_STATUS_PORT = PORT + 2;

  /** Port of the reset register (section 4.8.3.6). */
  public static final int RESET_PORT = PORT + 3;

  private static final int POWER_BUTTON = 1;
  private static final int NEW_GENERATION = 2;
  private static final int PRESENT = 1;
  private static final int RESET = 1;

  private static final int SLEEP_TYPE_SHIFT = 2;
  private static final int SLEEP_TYPE = 7;
  private static final int SLEEP_ENABLE = 1 << 5;
  private static final int S5 = 5;

  private final MachineEvents events;
  private final IrqTrigger interrupt;
  private int pending;
  private boolean inUse;

  /**
   * Creates the registers in their power-on state.
   *
   * @param events receives requests to reset and to power off
   * @param interrupt raised for each new event
   */
  public AcpiRegisters(MachineEvents events, IrqTrigger interrupt) {
    this.events = Objects.requireNonNull(events);
    this.interrupt = Objects.requireNonNull(interrupt);
  }

  @Override
  public synchronized long read(long offset, int size) {
    if (PORT + offset != EVENT_PORT) {
      return 0;
    }
    int read = pending;
    pending = 0;
    return read;
  }

  @Override
  public void write(long offset, int size, long value) {
    if (size != 1) {
      return;
    }
    switch ((int) (PORT + offset)) {
      case EVENT_PORT -> setInUse((value & PRESENT) != 0);
      case SLEEP_CONTROL_PORT -> {
        if ((value & SLEEP_ENABLE) != 0 && (value >> SLEEP_TYPE_SHIFT & SLEEP_TYPE) == S5) {
          events.powerOffRequested();
        }
      }
      case RESET_PORT -> {
        if (value == RESET) {
          events.resetRequested("ACPI");
        }
      }
      default -> {
        // The sleep status register: its only bit is clear, and a write can only clear it.
      }
    }
  }

  /** {@return whether the guest's operating system has loaded the ACPI tables} */
  public synchronized boolean isInUse() {
    return inUse;
  }

  /**
   * Presses the power button; any thread may call.
   *
   * @return false if the guest does not use ACPI, and nothing was done
   */
  public synchronized boolean pressPowerButton() {
    if (inUse) {
      pending |= POWER_BUTTON;
      interrupt.raise();
    }
    return inUse;
  }

  /**
   * Reports that the identifier of the guest's generation has changed; any thread may call. A guest
   * that does not use ACPI is not notified.
   */
  public synchronized void generationChanged() {
    if (inUse) {
      pending |= NEW_GENERATION;
      interrupt.raise();
    }
  }

  @Override
  public synchronized void reset() {
    pending = 0;
    inUse = false;
  }

  @Override
  public int stateVersion() {
    return 1;
  }

  @Override
  public synchronized void save(StateOutput output) {
    output.putBoolean(inUse).putByte(pending);
  }

  @Override
  public synchronized void restore(StateInput input) throws StateException {
    inUse = input.getBoolean();
    pending = input.getByte() & (POWER_BUTTON | NEW_GENERATION);
    input.end();
    if (pending != 0) {
      // The edge may not have reached the interrupt controller before that was saved, and an
      // additional one is harmless.
      interrupt.raise();
    }
  }

  private synchronized void setInUse(boolean loaded) {
    inUse = loaded;
  }
}
