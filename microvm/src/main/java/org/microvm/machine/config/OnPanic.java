package org.microvm.machine.config;

/** What happens if the guest's kernel panics. */
public enum OnPanic {
  /** The machine ends, with {@link MachineEnd.Panicked}. */
  EXIT,
  /** The guest boots again on the same board; host connections stay. */
  RESTART,
  /**
   * The guest is paused, so that it can be examined; it has to report its panic at the pvpanic
   * port. A panic that is known only from a reset afterwards ends the machine, because then there
   * is no guest to pause.
   */
  PAUSE
}
