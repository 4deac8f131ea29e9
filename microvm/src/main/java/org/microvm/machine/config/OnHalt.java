package org.microvm.machine.config;

/**
 * What happens if the guest halts: all its vCPUs are stopped with interrupts off, so that nothing
 * can wake them.
 */
public enum OnHalt {
  /** The machine ends, with {@link MachineEnd.Halted}. */
  EXIT,
  /** The machine stays as it is until the host resets or ends it; the halt is logged. */
  IGNORE
}
