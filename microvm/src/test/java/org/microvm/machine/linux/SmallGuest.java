package org.microvm.machine.linux;

import org.microvm.virtioserial.SerialConfig;

/** A guest with few possible ports, each of which costs it time in every interrupt. */
final class SmallGuest extends SharedGuest {
  private static final int PORTS = 16;

  SmallGuest() {
    super(SerialConfig.defaults().withMaxPorts(PORTS), "");
  }
}
