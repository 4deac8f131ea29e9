package org.microvm.virtioserial;

import org.microvm.devices.virtio.VirtqueueException;

/**
 * A port number: the port that has it, if any, and what the guest believes about it. Guarded by the
 * device lock.
 */
final class PortSlot {
  /** What the guest believes. */
  enum Belief {
    /** There is no port of this number. */
    ABSENT,
    /** There is one, for PORT_ADD was sent. */
    PRESENT,
    /** There was one before the reset; a driver that resumes from hibernation still has it. */
    REMEMBERED
  }

  final int nr;
  Belief belief = Belief.ABSENT;
  PortQueues queues;

  /** PORT_ADD messages that the guest has not answered yet. */
  int unanswered;

  /** The port that the guest remembers is gone, whether or not there is another of its number. */
  boolean replaced;

  private final PortCounters unclaimed = new PortCounters();
  private final Turn discardTurn;
  private Port port;

  /** Since the reset there was another port of this number, whose last data may be in the ring. */
  private boolean leftovers;

  PortSlot(DeviceCore core, int nr) {
    this.nr = nr;
    discardTurn = new Turn(core, this::discard);
  }

  /** The port, or null. */
  Port port() {
    return port;
  }

  void occupy(Port newPort) {
    port = newPort;
    port.activated(queues);
  }

  void vacate() {
    port = null;
    leftovers = queues != null;
    discardTurn.request();
  }

  /** The driver has set the device up. */
  void activate(PortQueues active) {
    queues = active;
    if (port != null) {
      port.activated(active);
    }
  }

  void reset() {
    if (port != null) {
      port.reset();
    }
    queues = null;
    leftovers = false;
    unanswered = 0;
    belief = belief == Belief.PRESENT ? Belief.REMEMBERED : belief;
  }

  /** The driver has taken one of the queues away. */
  void stopQueue(boolean receive) {
    if (queues == null) {
      return;
    }
    if (receive) {
      queues.stopReceiving();
    } else {
      queues.stopSending();
      if (port != null) {
        port.sendingStopped();
      }
    }
  }

  /** The guest has set up the present port. */
  void ready() throws VirtqueueException {
    belief = Belief.PRESENT;
    if (leftovers) {
      discard();
      leftovers = false;
    }
    port.guestReady();
  }

  /** There are transmit buffers. */
  void transmitBuffersAdded() throws VirtqueueException {
    if (port != null && port.isReady()) {
      port.transmit();
    } else if (port == null || leftovers) {
      // Written to a port that is gone. A console's driver even waits for it.
      discard();
    }
  }

  /** There are receive buffers. */
  void receiveBuffersAdded() throws VirtqueueException {
    if (port != null) {
      port.receiveBuffersAdded();
    }
  }

  private void discard() throws VirtqueueException {
    boolean unwanted = port == null || leftovers;
    if (queues != null && unwanted && queues.discardSending(unclaimed)) {
      discardTurn.request();
    }
  }
}
