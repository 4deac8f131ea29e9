package org.microvm.spice;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Calls one listener, with one change at a time and in order, on the first thread that has a
 * change. A peer may send faster than a listener returns, so a waiting change is replaced by a
 * later one of the same selection. Thread-safe.
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

  /**
   * Records a change. The caller holds the lock under which changes are made, so that they stay in
   * order.
   */
  synchronized void add(Selection selection, Set<Format> formats) {
    waiting.putLast(selection, formats);
  }

  /**
   * Calls the listener for the waiting changes, unless another thread is doing so. Holds no lock.
   */
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

  /** Removes a waiting change; if there is none, the calls end. */
  private synchronized Map.Entry<Selection, Set<Format>> next() {
    var next = waiting.pollFirstEntry();
    calling = next != null;
    return next;
  }
}
