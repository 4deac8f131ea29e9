package org.microvm.machine.linux;

import org.microvm.virtioserial.SerialConfig;

/** A guest whose /dev is left to Debian's udev with its own rules, as on a distribution. */
final class UdevGuest extends SharedGuest {
  UdevGuest() {
    super(SerialConfig.defaults(), "microvm.links=udev");
  }
}
