package org.microvm.machine.config;

/** What happens if the guest requests a reset. */
public enum OnReset {
  /** The machine ends. */
  EXIT,
  /** The guest boots again on the same board; host connections stay. */
  RESTART
}
