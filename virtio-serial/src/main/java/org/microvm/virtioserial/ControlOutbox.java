package org.microvm.virtioserial;

import java.util.ArrayList;
import java.util.List;

/**
 * Control messages that the driver has not given buffers for yet, in the order of sending.
 *
 * <p>Nothing is ever dropped for want of space, and still a driver that gives no buffers cannot
 * make it grow: a port has at most a handful of messages here, because a repeated one replaces or
 * cancels the one before it. Guarded by the device lock.
 */
final class ControlOutbox {
  private final List<ControlMessage> pending = new ArrayList<>();

  boolean isEmpty() {
    return pending.isEmpty();
  }

  int size() {
    return pending.size();
  }

  ControlMessage first() {
    return pending.getFirst();
  }

  void removeFirst() {
    pending.removeFirst();
  }

  void clear() {
    pending.clear();
  }

  /** All messages, in the order of sending. */
  List<ControlMessage> messages() {
    return List.copyOf(pending);
  }

  /** Puts messages that waited elsewhere in front of all others. */
  void restore(List<ControlMessage> messages) {
    pending.addAll(0, messages);
  }

  /** Adds a message unless the same one waits already; of RESIZE the latest one counts. */
  void add(ControlMessage message) {
    int same = find(message.nr(), message.event());
    if (same < 0) {
      pending.add(message);
    } else if (message.event() == ControlEvent.RESIZE) {
      pending.set(same, message);
    }
  }

  /**
   * Adds PORT_OPEN. The last state always arrives, and a guest that takes its messages late still
   * sees that there was a change: of close, open, close, open the last two stay.
   */
  void addOpen(int nr, boolean open) {
    int value = open ? 1 : 0;
    int last = -1;
    int count = 0;
    for (int i = 0; i < pending.size(); i++) {
      if (pending.get(i).concerns(nr, ControlEvent.PORT_OPEN)) {
        last = i;
        count++;
      }
    }
    if (last >= 0 && pending.get(last).value() == value) {
      return;
    }
    if (count == 2) {
      // The one before it says what this one says.
      pending.remove(last);
    } else {
      pending.add(ControlMessage.of(nr, ControlEvent.PORT_OPEN, value));
    }
  }

  /**
   * Takes back whatever waits for a port, for it is being removed; a PORT_REMOVE of an earlier port
   * of that number stays.
   *
   * @return whether PORT_ADD was among it, so that the guest never heard of the port
   */
  boolean withdraw(int nr) {
    boolean unknown = find(nr, ControlEvent.PORT_ADD) >= 0;
    pending.removeIf(m -> m.nr() == nr && m.event() != ControlEvent.PORT_REMOVE);
    return unknown;
  }

  /** Whether such a message waits. */
  boolean contains(int nr, int event) {
    return find(nr, event) >= 0;
  }

  private int find(int nr, int event) {
    for (int i = 0; i < pending.size(); i++) {
      if (pending.get(i).concerns(nr, event)) {
        return i;
      }
    }
    return -1;
  }
}
