package org.microvm.machine.jfr;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** The event loop answers notifications of a queue; the duration is the work it did for them. */
@Name("org.microvm.Kick")
@Label("Kick")
@Description("The driver notified a queue, and the event loop looked at it")
@Category({"microvm", "virtio"})
@StackTrace(false)
public final class KickEvent extends Event {
  /** Kept for its question alone, so that nothing is allocated while nobody listens. */
  private static final KickEvent PROBE = new KickEvent();

  @Label("Device")
  String device;

  @Label("Queue")
  int queue;

  @Label("Notifications")
  long notifications;

  @Label("Spurious")
  @Description("There was no buffer")
  boolean spurious;

  /** A new event that has begun, or null while nobody listens. */
  public static KickEvent start() {
    if (!PROBE.isEnabled()) {
      return null;
    }
    KickEvent event = new KickEvent();
    event.begin();
    return event;
  }

  /** Fills in what the kick was. */
  public KickEvent set(long address, int whichQueue, long count, boolean foundNothing) {
    device = "0x" + Long.toHexString(address);
    queue = whichQueue;
    notifications = count;
    spurious = foundNothing;
    return this;
  }
}
