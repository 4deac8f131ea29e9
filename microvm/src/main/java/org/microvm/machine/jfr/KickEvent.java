package org.microvm.machine.jfr;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** The event loop handled notifications of a queue; the duration is the time it took. */
@Name("org.microvm.Kick")
@Label("Kick")
@Description("The driver notified a queue, and the event loop handled it")
@Category({"microvm", "virtio"})
@StackTrace(false)
public final class KickEvent extends Event {
  /** The queue's number if one notification is for all queues of a device. */
  public static final int ANY_QUEUE = -1;

  /** Used only to ask whether the event is enabled, so that nothing is allocated if it is not. */
  private static final KickEvent PROBE = new KickEvent();

  @Label("Device")
  String device;

  @Label("Queue")
  @Description("-1 if one notification is for all queues")
  int queue;

  @Label("Notifications")
  long notifications;

  @Label("Spurious")
  @Description("The queue had no new buffer")
  boolean spurious;

  /** Starts an event; returns null if the event is not enabled. */
  public static KickEvent start() {
    if (!PROBE.isEnabled()) {
      return null;
    }
    KickEvent event = new KickEvent();
    event.begin();
    return event;
  }

  /** Sets the fields of the event. */
  public KickEvent set(long address, int whichQueue, long count, boolean foundNothing) {
    device = "0x" + Long.toHexString(address);
    queue = whichQueue;
    notifications = count;
    spurious = foundNothing;
    return this;
  }
}
