package org.microvm.virtioserial;

import java.util.ArrayList;
import java.util.List;

/**
 * Control messages that wait for buffers of the driver, in sending order.
 *
 * <p>No message is dropped for lack of space, and still a driver that provides no buffers cannot
 * make the outbox grow: each port has at most a few messages here, because a repeated message
 * replaces or cancels the one before it. Guarded by the device lock.
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

  /** Returns all messages in sending order. */
  List<ControlMessage> messages() {
    return List.copyOf(pending);
  }

  /** Inserts the messages of another outbox before all others. */
  void restore(List<ControlMessage> messages) {
    pending.addAll(0, messages);
  }

  /**
   * Adds a message, unless one of the same port and event is already waiting. A new RESIZE replaces
   * the waiting one.
   */
  void add(ControlMessage message) {
    int same = find(message.nr(), message.event());
    if (same < 0) {
      pending.add(message);
    } else if (message.event() == ControlEvent.RESIZE) {
      pending.set(same, message);
    }
  }

  /**
   * Adds PORT_OPEN. The last state always arrives, and a guest that reads its messages late still
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
      // The message before the last one already reports this state.
      pending.remove(last);
    } else {
      pending.add(ControlMessage.of(nr, ControlEvent.PORT_OPEN, value));
    }
  }

  /**
   * Withdraws the waiting messages of a port that is being removed. A PORT_REMOVE of an earlier
   * port of that number stays.
   *
   * @return whether PORT_ADD was among them, so that the guest does not know the port
   */
  boolean withdraw(int nr) {
    boolean unknown = find(nr, ControlEvent.PORT_ADD) >= 0;
    pending.removeIf(m -> m.nr() == nr && m.event() != ControlEvent.PORT_REMOVE);
    return unknown;
  }

  /** Whether a message of this port and event is waiting. */
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
