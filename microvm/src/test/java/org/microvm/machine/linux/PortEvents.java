package org.microvm.machine.linux;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.microvm.virtioserial.PortInfo;
import org.microvm.virtioserial.PortListener;

/** Records the events of a device's listener; a test can wait for them. */
final class PortEvents implements PortListener {
  /** The methods of {@link PortListener}. */
  enum Kind {
    PORT_ADDED,
    PORT_REMOVED,
    PORT_FAILED,
    GUEST_OPENED,
    GUEST_CLOSED,
    HOST_CONNECTED,
    HOST_DISCONNECTED
  }

  private record Event(int port, Kind kind) {}

  private final List<Event> events = new ArrayList<>();

  /** The events of the port with this number, in order. */
  synchronized List<Kind> of(int port) {
    return events.stream().filter(event -> event.port() == port).map(Event::kind).toList();
  }

  /** Discards the events of the port with this number. */
  synchronized void clear(int port) {
    events.removeIf(event -> event.port() == port);
  }

  /** Waits until the event has happened to the port the given number of times. */
  synchronized void await(int port, Kind kind, int times)
      throws InterruptedException, TimeoutException {
    long deadline = System.nanoTime() + GuestProcess.ANSWER.toNanos();
    while (of(port).stream().filter(kind::equals).count() < times) {
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        throw new TimeoutException("port " + port + ": no " + kind + " but " + of(port));
      }
      TimeUnit.NANOSECONDS.timedWait(this, left);
    }
  }

  private synchronized void happened(PortInfo port, Kind kind) {
    events.add(new Event(port.nr(), kind));
    notifyAll();
  }

  @Override
  public void portAdded(PortInfo port) {
    happened(port, Kind.PORT_ADDED);
  }

  @Override
  public void portRemoved(PortInfo port) {
    happened(port, Kind.PORT_REMOVED);
  }

  @Override
  public void portFailed(PortInfo port) {
    happened(port, Kind.PORT_FAILED);
  }

  @Override
  public void guestOpened(PortInfo port) {
    happened(port, Kind.GUEST_OPENED);
  }

  @Override
  public void guestClosed(PortInfo port) {
    happened(port, Kind.GUEST_CLOSED);
  }

  @Override
  public void hostConnected(PortInfo port) {
    happened(port, Kind.HOST_CONNECTED);
  }

  @Override
  public void hostDisconnected(PortInfo port) {
    happened(port, Kind.HOST_DISCONNECTED);
  }
}
