package org.microvm.virtioserial;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Hands events to the host's listeners, on the loop and without the device lock. */
final class PortListeners {
  private static final Logger LOG = LoggerFactory.getLogger(PortListeners.class);

  private final Executor loop;
  private final List<PortListener> listeners = new CopyOnWriteArrayList<>();

  PortListeners(Executor loop) {
    this.loop = loop;
  }

  void add(PortListener listener) {
    listeners.add(listener);
  }

  void remove(PortListener listener) {
    listeners.remove(listener);
  }

  void fire(Consumer<PortListener> event) {
    if (!listeners.isEmpty()) {
      loop.execute(() -> listeners.forEach(listener -> call(listener, event)));
    }
  }

  private static void call(PortListener listener, Consumer<PortListener> event) {
    try {
      event.accept(listener);
    } catch (RuntimeException e) {
      LOG.error("a listener of serial ports failed", e);
    }
  }
}
