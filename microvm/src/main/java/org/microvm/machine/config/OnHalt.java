package org.microvm.machine.config;

/**
 * What happens if the guest halts: all its vCPUs are stopped with interrupts off, so that nothing
 * can wake them.
 */
public enum OnHalt {
  /** The machine ends, with {@link MachineEnd.Halted}. */
  EXIT,
  /** The machine goes on without doing anything, until the host resets or ends it; it is logged. */
  IGNORE
}
