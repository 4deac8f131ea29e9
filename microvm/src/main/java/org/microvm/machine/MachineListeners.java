package org.microvm.machine;

import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The listeners of a machine. An exception or error of one is logged: the others still get the
 * event, and the machine continues. Any thread may call.
 */
final class MachineListeners {
  private static final Logger LOG = LoggerFactory.getLogger(MachineListeners.class);

  private final List<MachineListener> listeners = new CopyOnWriteArrayList<>();

  /** Adds a listener for what happens from now on. */
  void add(MachineListener listener) {
    listeners.add(Objects.requireNonNull(listener));
  }

  /** Notifies all listeners of an event, on the calling thread. */
  void fire(Consumer<MachineListener> event) {
    for (MachineListener listener : listeners) {
      try {
        event.accept(listener);
      } catch (RuntimeException | Error e) {
        LOG.error("a listener of the machine failed", e);
      }
    }
  }
}
