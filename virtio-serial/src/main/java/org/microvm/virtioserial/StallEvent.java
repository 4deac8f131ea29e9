package org.microvm.virtioserial;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** A port cannot go on in one direction for now. */
@Name("org.microvm.Stall")
@Label("Stall")
@Description("The host program takes no more bytes, or the guest has no buffer for them")
@Category({"microvm", "virtio-serial"})
@StackTrace(false)
final class StallEvent extends Event {
  /** Kept for its question alone, so that nothing is allocated while nobody listens. */
  private static final StallEvent PROBE = new StallEvent();

  @Label("Port")
  int port;

  @Label("Direction")
  String direction;

  /** Tells of it, if somebody listens. */
  static void tell(int port, String direction) {
    if (PROBE.isEnabled()) {
      StallEvent event = new StallEvent();
      event.port = port;
      event.direction = direction;
      event.commit();
    }
  }
}
