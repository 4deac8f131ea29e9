package org.microvm.devices;

/**
 * A line to the interrupt controller, which a device holds high while it needs service.
 *
 * <p>An ISA line is edge-triggered: only the change from low to high causes an interrupt, so a
 * device must lower the line before it raises it again.
 */
@FunctionalInterface
public interface IrqLine {
  /**
   * Sets the level of the line. Any thread may call; the device must order its calls. Never blocks.
   *
   * @param level true for high
   */
  void set(boolean level);
}
