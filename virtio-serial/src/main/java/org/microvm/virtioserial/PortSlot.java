package org.microvm.virtioserial;

import java.util.Optional;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
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

  /** The guest was told of a port of this number, now or earlier: it may speak of it. */
  boolean heardOf;

  /** PORT_ADD messages that the guest has not answered yet. */
  int unanswered;

  /** The port that the guest remembers is gone, whether or not there is another of its number. */
  boolean replaced;

  private final PortCounters unclaimed;
  private final Turn discardTurn;
  private Port port;

  /** Since the reset there was another port of this number, whose last data may be in the ring. */
  private boolean leftovers;

  PortSlot(DeviceCore core, int nr) {
    this.nr = nr;
    unclaimed = new PortCounters(nr);
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

  /** What {@link #restore} takes. */
  SlotState state() {
    return new SlotState(
        belief, unanswered, replaced, leftovers, Optional.ofNullable(port).map(Port::state));
  }

  /**
   * Goes on where another slot of this number was, whose queues this one has been given.
   *
   * @throws StateException if its port is not here
   */
  void restore(SlotState state, StateInput input) throws StateException {
    belief = state.belief();
    unanswered = state.unanswered();
    heardOf = belief != Belief.ABSENT || unanswered > 0;
    replaced = state.replaced();
    leftovers = state.leftovers() && queues != null;
    if (state.port().isPresent()) {
      if (port == null) {
        throw input.damaged(
            "port %d%s is missing here"
                .formatted(nr, state.port().get().name().map(name -> " " + name).orElse("")));
      }
      port.restore(state.port().get(), input);
    } else if (belief == Belief.PRESENT) {
      throw input.damaged("the guest knows a port %d that was not there".formatted(nr));
    }
  }

  /** Lets go of guest and host program, for another slot goes on with both. */
  void release() {
    if (port != null) {
      port.release();
    }
    queues = null;
    leftovers = false;
    belief = Belief.ABSENT;
  }

  /**
   * The driver is gone; what it may remember when it comes back from hibernation is what it was
   * told.
   *
   * @param addUnheard whether PORT_ADD was still to be sent
   * @param removeUnheard whether PORT_REMOVE was still to be sent
   */
  void reset(boolean addUnheard, boolean removeUnheard) {
    if (port != null) {
      port.reset();
    }
    queues = null;
    leftovers = false;
    unanswered = 0;
    if (removeUnheard) {
      belief = Belief.REMEMBERED;
      replaced = true;
    } else if (addUnheard) {
      belief = Belief.ABSENT;
    } else if (belief == Belief.PRESENT) {
      belief = Belief.REMEMBERED;
    }
    heardOf = belief != Belief.ABSENT;
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

  /**
   * Takes the answer to a PORT_ADD whose port was removed before it came.
   *
   * @return whether one was due
   */
  boolean answersForgotten() {
    if (unanswered == 0) {
      return false;
    }
    unanswered--;
    return true;
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
      port.transmitBuffersAdded();
    } else if (port == null || leftovers) {
      // Written to a port that is gone. A console's driver even waits for it.
      discard();
    }
  }

  /** There are receive buffers. */
  void receiveBuffersAdded() {
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
