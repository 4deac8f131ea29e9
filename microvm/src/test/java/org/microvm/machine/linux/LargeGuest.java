package org.microvm.machine.linux;

import org.microvm.virtioserial.ResizeOrder;
import org.microvm.virtioserial.SerialConfig;

/** A guest with many possible ports and the order of console sizes that older kernels expect. */
final class LargeGuest extends SharedGuest {
  /** Number of channels that a test can have at the same time. */
  static final int CHANNELS = 64;

  LargeGuest() {
    super(
        SerialConfig.defaults()
            .withMaxPorts(CHANNELS + 8)
            .withResizeOrder(ResizeOrder.ROWS_COLUMNS),
        "");
  }
}
