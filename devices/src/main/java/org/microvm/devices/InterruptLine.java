package org.microvm.devices;

/**
 * A wire to the interrupt controller, for devices that hold it high while they want service.
 *
 * <p>An ISA line is edge-triggered: only the step from low to high makes an interrupt, so a device
 * lowers its line before it asks again.
 */
@FunctionalInterface
public interface InterruptLine {
  /** Drives the line; any thread may call, in the order the device decides, and it never blocks. */
  void set(boolean level);
}
