package org.microvm.qmp;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.concurrent.Executor;
import org.microvm.linux.EventLoop;
import org.microvm.qmp.ChannelRegistry.Device;
import org.microvm.virtioserial.PortInfo;
import org.microvm.virtioserial.PortListener;

/**
 * Sends the events VSERPORT_CHANGE and DEVICE_DELETED when ports change.
 *
 * <p>A guest can open and close a port a hundred thousand times a second. As in QEMU, at most one
 * event per port is sent in an interval, and the last state is always reported.
 */
final class PortEvents implements PortListener {
  private final Executor executor;
  private final EventLoop loop;
  private final ChannelRegistry registry;
  private final QmpEvents events;
  private final Duration interval;

  /** The state of each port that has changed and not been reported yet; guarded by this. */
  private final Map<PortInfo, Boolean> news = new IdentityHashMap<>();

  /** The ports that were reported within the current interval; used on the loop only. */
  private final Map<PortInfo, Boolean> quiet = new IdentityHashMap<>();

  /**
   * @param executor runs tasks on the loop, and drops them once the loop is closed
   */
  PortEvents(
      Executor executor,
      EventLoop loop,
      ChannelRegistry registry,
      QmpEvents events,
      Duration interval) {
    this.executor = executor;
    this.loop = loop;
    this.registry = registry;
    this.events = events;
    this.interval = interval;
  }

  @Override
  public void guestOpened(PortInfo port) {
    changed(port, true);
  }

  @Override
  public void guestClosed(PortInfo port) {
    changed(port, false);
  }

  @Override
  public void portRemoved(PortInfo port) {
    executor.execute(() -> removed(port));
  }

  private void changed(PortInfo port, boolean open) {
    boolean first;
    synchronized (this) {
      first = news.put(port, open) == null;
    }
    if (first) {
      executor.execute(() -> emit(port));
    }
  }

  private void emit(PortInfo port) {
    if (quiet.containsKey(port)) {
      return; // intervalOver() calls again
    }
    Boolean open;
    synchronized (this) {
      open = news.remove(port);
    }
    Device device = registry.device(port);
    if (open == null || device == null) {
      return;
    }
    quiet.put(port, true);
    loop.schedule(interval.toNanos(), () -> intervalOver(port));
    ObjectNode data = JsonNodeFactory.instance.objectNode();
    events.emit("VSERPORT_CHANGE", data.put("id", device.id()).put("open", open.booleanValue()));
  }

  private void intervalOver(PortInfo port) {
    quiet.remove(port);
    emit(port);
  }

  private void removed(PortInfo port) {
    synchronized (this) {
      news.remove(port);
    }
    Device device = registry.device(port);
    if (device != null) {
      registry.remove(device); // it may have been removed from Java
      registry.forget(port);
      ObjectNode data = JsonNodeFactory.instance.objectNode();
      data.put("device", device.id()).put("path", "/machine/peripheral/" + device.id());
      events.emit("DEVICE_DELETED", data);
    }
  }
}
