package org.microvm.agent;

import java.util.Locale;

/** How a guest shuts down. */
public enum ShutdownMode {
  /** The guest powers off, and the machine ends. */
  POWERDOWN,
  /** The guest reboots, if the machine permits that. */
  REBOOT,
  /** The guest halts, and the machine does not end. */
  HALT;

  String word() {
    return name().toLowerCase(Locale.ROOT);
  }
}
