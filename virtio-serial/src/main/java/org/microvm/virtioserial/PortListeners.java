package org.microvm.virtioserial;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Delivers events to the host's listeners, on the loop and without the device lock. */
final class PortListeners {
  private static final Logger LOG = LoggerFactory.getLogger(PortListeners.class);

  private static final int MAX_WAITING = 1024;

  private final Executor loop;
  private final List<PortListener> listeners = new CopyOnWriteArrayList<>();
  private final AtomicInteger waiting = new AtomicInteger();

  PortListeners(Executor loop) {
    this.loop = loop;
  }

  void add(PortListener listener) {
    listeners.add(listener);
  }

  void remove(PortListener listener) {
    listeners.remove(listener);
  }

  /** Schedules an event for the listeners. Without listeners it does nothing. */
  void fire(BiConsumer<PortListener, PortInfo> event, PortInfo port) {
    if (!listeners.isEmpty()) {
      waiting.incrementAndGet();
      loop.execute(() -> deliver(event, port));
    }
  }

  /**
   * Whether so many events are waiting that the guest must not cause more. Where notifications are
   * served on a vCPU's thread, the guest can cause events faster than slow listeners handle them.
   */
  boolean areBehind() {
    return waiting.get() > MAX_WAITING;
  }

  private void deliver(BiConsumer<PortListener, PortInfo> event, PortInfo port) {
    waiting.decrementAndGet();
    for (PortListener listener : listeners) {
      try {
        event.accept(listener, port);
      } catch (RuntimeException | Error e) {
        LOG.error("a port listener failed", e);
      }
    }
  }
}
