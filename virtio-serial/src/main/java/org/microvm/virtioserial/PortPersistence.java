package org.microvm.virtioserial;

import java.util.Optional;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.virtioserial.backend.ConsoleSize;

/** Converts a port to its saved state and back. Guarded by the device lock. */
final class PortPersistence {
  private final PortInfo info;
  private final PortTransmit transmit;
  private final PortReceive receive;
  private final PortConnection connection;

  PortPersistence(
      PortInfo info, PortTransmit transmit, PortReceive receive, PortConnection connection) {
    this.info = info;
    this.transmit = transmit;
    this.receive = receive;
    this.connection = connection;
  }

  /**
   * Returns the state of a port.
   *
   * @param size the console's size, or null
   */
  PortState save(boolean ready, boolean guestOpen, ConsoleSize size) {
    return new PortState(
        info.name(),
        info.console(),
        ready,
        guestOpen,
        connection.isOpen(),
        transmit.offset(),
        transmit.lastBuffers(),
        transmit.backlogBytes(),
        receive.backlogBytes(),
        Optional.ofNullable(size));
  }

  /**
   * Checks that a state is one for this port.
   *
   * @throws StateException if the name or kind differs, or more bytes were kept than this port's
   *     limits allow
   */
  void check(PortState state, StateInput input) throws StateException {
    if (!state.name().equals(info.name()) || state.console() != info.console()) {
      throw input.damaged(
          "port %d is %s in the saved state, but %s in this device"
              .formatted(info.nr(), new PortInfo(info.nr(), state.name(), state.console()), info));
    }
    if (state.fromGuest().length > transmit.limit()
        || state.toGuest().length > (long) receive.limit() + PortConnection.MAX_DRAINED_BYTES) {
      throw input.damaged(
          info + ": the saved state keeps more bytes than this port's limits allow");
    }
  }

  /**
   * Restores both directions.
   *
   * @param sending the queues if the guest may send, or null
   * @param receiving the queues if the guest has the port open, or null
   */
  void restore(PortState state, PortQueues sending, PortQueues receiving) {
    transmit.restore(sending, state.sendingOffset(), state.fromGuest());
    receive.restore(receiving, state.toGuest());
  }
}
