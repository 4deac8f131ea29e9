package org.microvm.virtioserial;

import java.util.Optional;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.virtio.VirtqueueException;

/**
 * A port number: its port, if any, and the number's state in the guest's driver. Guarded by the
 * device lock.
 */
final class PortSlot {
  /** The state of a port number in the guest's driver. */
  enum DriverState {
    /** There is no port of this number. */
    ABSENT,
    /** The port exists: PORT_ADD was sent. */
    PRESENT,
    /** The port existed before the reset; a driver that resumes from hibernation still has it. */
    REMEMBERED
  }

  final int nr;
  DriverState driverState = DriverState.ABSENT;
  PortQueues queues;

  /**
   * PORT_ADD was sent for this number, now or earlier, so messages of the guest about it are legal.
   */
  boolean announced;

  /** Number of PORT_ADD messages that the guest has not answered yet. */
  int unanswered;

  /** The port that the guest remembers was removed, whether or not another has its number. */
  boolean replaced;

  private final PortCounters unclaimed;
  private final CoalescedTask discardTask;
  private Port port;

  /** An earlier port had this number since the reset; its last data may be in the transmit ring. */
  private boolean hasStaleData;

  PortSlot(DeviceContext context, int nr) {
    this.nr = nr;
    unclaimed = new PortCounters(nr);
    discardTask = new CoalescedTask(context, this::discard);
  }

  /** Returns the port, or null. */
  Port port() {
    return port;
  }

  void occupy(Port newPort) {
    port = newPort;
    port.activated(queues);
  }

  void vacate() {
    port = null;
    hasStaleData = queues != null;
    discardTask.request();
  }

  /** Takes the queues once the driver has activated the device. */
  void activate(PortQueues active) {
    queues = active;
    if (port != null) {
      port.activated(active);
    }
  }

  /** Returns the state that {@link #restore} accepts. */
  SlotState state() {
    return new SlotState(
        driverState,
        unanswered,
        replaced,
        hasStaleData,
        Optional.ofNullable(port).map(Port::state));
  }

  /**
   * Restores the state of another slot of this number, whose queues this one has been given.
   *
   * @throws StateException if the state has a port and this slot has none, or the reverse
   */
  void restore(SlotState state, StateInput input) throws StateException {
    driverState = state.driverState();
    unanswered = state.unanswered();
    announced = driverState != DriverState.ABSENT || unanswered > 0;
    replaced = state.replaced();
    hasStaleData = state.hasStaleData() && queues != null;
    if (state.port().isPresent()) {
      if (port == null) {
        throw input.damaged(
            "port %d%s is in the saved state but missing in this device"
                .formatted(nr, state.port().get().name().map(name -> " " + name).orElse("")));
      }
      port.restore(state.port().get(), input);
    }
  }

  /** Releases guest memory and the connection, because another slot continues with both. */
  void release() {
    if (port != null) {
      port.release();
    }
    queues = null;
    hasStaleData = false;
    driverState = DriverState.ABSENT;
  }

  /**
   * Handles a device reset. A driver that resumes from hibernation remembers the ports that were
   * announced to it.
   *
   * @param addUndelivered whether PORT_ADD was not delivered yet
   * @param removeUndelivered whether PORT_REMOVE was not delivered yet
   */
  void reset(boolean addUndelivered, boolean removeUndelivered) {
    if (port != null) {
      port.reset();
    }
    queues = null;
    hasStaleData = false;
    unanswered = 0;
    if (removeUndelivered) {
      driverState = DriverState.REMEMBERED;
      replaced = true;
    } else if (addUndelivered) {
      driverState = DriverState.ABSENT;
    } else if (driverState == DriverState.PRESENT) {
      driverState = DriverState.REMEMBERED;
    }
    announced = driverState != DriverState.ABSENT;
  }

  /** Handles a queue that the driver has disabled. */
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
   * Accepts the answer to a PORT_ADD whose port was removed before the answer arrived.
   *
   * @return whether such an answer was outstanding
   */
  boolean acceptStaleAnswer() {
    if (unanswered == 0) {
      return false;
    }
    unanswered--;
    return true;
  }

  /** Handles PORT_READY 1 for the present port. */
  void ready() throws VirtqueueException {
    driverState = DriverState.PRESENT;
    if (hasStaleData) {
      discard();
      hasStaleData = false;
    }
    port.guestReady();
  }

  /** Handles new transmit buffers. */
  void transmitBuffersAdded() throws VirtqueueException {
    if (port != null && port.isReady()) {
      port.transmitBuffersAdded();
    } else if (port == null || hasStaleData) {
      // The data is for a removed port. A console's driver even waits until it is used.
      discard();
    }
  }

  /** Handles new receive buffers. */
  void receiveBuffersAdded() {
    if (port != null) {
      port.receiveBuffersAdded();
    }
  }

  private void discard() throws VirtqueueException {
    boolean unwanted = port == null || hasStaleData;
    if (queues != null && unwanted && queues.discardSending(unclaimed)) {
      discardTask.request();
    }
  }
}
