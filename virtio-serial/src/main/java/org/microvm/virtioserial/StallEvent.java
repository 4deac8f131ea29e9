package org.microvm.virtioserial;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** Flight recorder event: a port's receiving side accepts no more bytes for now. */
@Name("org.microvm.Stall")
@Label("Stall")
@Description("The host program takes no more bytes, or the guest has no buffer for them")
@Category({"microvm", "virtio-serial"})
@StackTrace(false)
final class StallEvent extends Event {
  /**
   * Used only to test whether the event is enabled, so that nothing is allocated while it is not.
   */
  private static final StallEvent PROBE = new StallEvent();

  @Label("Port")
  int port;

  @Label("Direction")
  String direction;

  /** Records the event if a recording has it enabled. */
  static void emit(int port, String direction) {
    if (PROBE.isEnabled()) {
      StallEvent event = new StallEvent();
      event.port = port;
      event.direction = direction;
      event.commit();
    }
  }
}
