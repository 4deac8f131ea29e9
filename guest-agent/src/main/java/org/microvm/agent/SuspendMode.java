package org.microvm.agent;

/** How a guest is put to sleep. */
public enum SuspendMode {
  /** Its memory is written to its disk, and the power is switched off. */
  DISK("guest-suspend-disk"),
  /** Its memory stays, its CPUs stop. */
  RAM("guest-suspend-ram"),
  /** Both. */
  HYBRID("guest-suspend-hybrid");

  private final String command;

  SuspendMode(String command) {
    this.command = command;
  }

  String command() {
    return command;
  }
}
