package org.microvm.spice;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Calls one listener: one change at a time and in order, on whatever thread is here first. A peer
 * may send faster than a listener returns, so a change that waits is replaced by a later one of the
 * same selection. Thread-safe.
 */
final class ListenerCalls {
  private static final Logger LOG = LoggerFactory.getLogger(ListenerCalls.class);

  private final Clipboard.Listener listener;

  // The following are guarded by this.
  private final SequencedMap<Selection, Set<Format>> waiting = new LinkedHashMap<>();
  private boolean calling;

  ListenerCalls(Clipboard.Listener listener) {
    this.listener = listener;
  }

  /** Notes a change. The caller holds the lock under which changes are made, for their order. */
  synchronized void add(Selection selection, Set<Format> formats) {
    waiting.putLast(selection, formats);
  }

  /** Calls the listener for what waits, unless another thread is doing so; holds no lock. */
  void run() {
    for (var next = begin(); next != null; next = next()) {
      try {
        listener.changed(next.getKey(), next.getValue());
      } catch (RuntimeException | Error e) {
        LOG.error("a clipboard listener failed", e);
      }
    }
  }

  private synchronized Map.Entry<Selection, Set<Format>> begin() {
    if (calling) {
      return null;
    }
    calling = true;
    return next();
  }

  /** Removes a change that waits; without one, the calls end. */
  private synchronized Map.Entry<Selection, Set<Format>> next() {
    var next = waiting.pollFirstEntry();
    calling = next != null;
    return next;
  }
}
