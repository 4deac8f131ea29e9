package org.microvm.devices;

/** An interrupt that a device can raise: an irqfd, or a pulse of an interrupt line. */
@FunctionalInterface
public interface Interrupt {
  /** Raises one edge; any thread may call, and the call never blocks. */
  void raise();
}
