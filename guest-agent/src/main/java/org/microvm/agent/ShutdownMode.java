package org.microvm.agent;

import java.util.Locale;

/** How a guest goes down. */
public enum ShutdownMode {
  /** The power is switched off: the machine ends. */
  POWERDOWN,
  /** The guest boots again, if the machine lets it. */
  REBOOT,
  /** The guest stops, and the machine stays as it is. */
  HALT;

  String word() {
    return name().toLowerCase(Locale.ROOT);
  }
}
