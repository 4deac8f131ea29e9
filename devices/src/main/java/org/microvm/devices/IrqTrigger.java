package org.microvm.devices;

/** An interrupt that a device can raise, by an irqfd or by a pulse on an interrupt line. */
@FunctionalInterface
public interface IrqTrigger {
  /** Raises one edge; any thread may call, and the call never blocks. */
  void raise();
}
