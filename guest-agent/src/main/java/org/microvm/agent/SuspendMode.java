package org.microvm.agent;

/** How a guest is suspended. */
public enum SuspendMode {
  /** Its memory is written to its disk, and it powers off. */
  DISK("guest-suspend-disk"),
  /** Its memory is kept, and its CPUs stop. */
  RAM("guest-suspend-ram"),
  /** Its memory is kept, and also written to its disk. */
  HYBRID("guest-suspend-hybrid");

  private final String command;

  SuspendMode(String command) {
    this.command = command;
  }

  String command() {
    return command;
  }
}
