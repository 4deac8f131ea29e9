package org.microvm.machine.linux;

import org.microvm.virtioserial.SerialConfig;

/** A guest in which Debian's udev with its stock rules manages /dev, as in a distribution. */
final class UdevGuest extends SharedGuest {
  UdevGuest() {
    super(SerialConfig.defaults(), "microvm.links=udev");
  }
}
