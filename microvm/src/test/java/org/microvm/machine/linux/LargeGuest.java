package org.microvm.machine.linux;

import org.microvm.virtioserial.ResizeOrder;
import org.microvm.virtioserial.SerialConfig;

/** A guest with many possible ports, which is told sizes as older kernels want it. */
final class LargeGuest extends SharedGuest {
  /** How many channels a test can have at once. */
  static final int CHANNELS = 64;

  LargeGuest() {
    super(
        SerialConfig.defaults()
            .withMaxPorts(CHANNELS + 8)
            .withResizeOrder(ResizeOrder.ROWS_COLUMNS),
        "");
  }
}
