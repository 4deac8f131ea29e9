package org.microvm.machine.config;

/** What a guest's reset request does. */
public enum OnReset {
  /** The machine ends. */
  EXIT,
  /** The guest boots again on the same board; host connections stay. */
  RESTART
}
