package org.microvm.virtioserial;

import java.util.ArrayList;
import java.util.List;

/** Records port events, as "event name", and lets a test wait for them. */
final class EventLog implements PortListener {
  private final List<String> events = new ArrayList<>();

  @Override
  public void portAdded(PortInfo port) {
    log("added", port);
  }

  @Override
  public void portRemoved(PortInfo port) {
    log("removed", port);
  }

  @Override
  public void portFailed(PortInfo port) {
    log("failed", port);
  }

  @Override
  public void guestOpened(PortInfo port) {
    log("guest opened", port);
  }

  @Override
  public void guestClosed(PortInfo port) {
    log("guest closed", port);
  }

  @Override
  public void hostConnected(PortInfo port) {
    log("host connected", port);
  }

  @Override
  public void hostDisconnected(PortInfo port) {
    log("host disconnected", port);
  }

  /** Waits for an event and removes it, so that a later call waits for another one. */
  synchronized void await(String event) {
    long deadline = System.nanoTime() + Await.LIMIT.toNanos();
    while (!events.remove(event)) {
      long left = (deadline - System.nanoTime()) / 1_000_000;
      if (left <= 0) {
        throw new AssertionError("did not happen: %s; these did: %s".formatted(event, events));
      }
      try {
        wait(left);
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }
  }

  /** Returns the events that no call has waited for. */
  synchronized List<String> all() {
    return List.copyOf(events);
  }

  private synchronized void log(String what, PortInfo port) {
    events.add(what + " " + port.name().orElse("#" + port.nr()));
    notifyAll();
  }
}
