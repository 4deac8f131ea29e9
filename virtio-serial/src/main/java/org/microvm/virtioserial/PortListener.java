package org.microvm.virtioserial;

/**
 * Is told what happens to the ports of a device.
 *
 * <p>Called on the event loop, one event after the other and in the order in which they happened,
 * with no lock held; it must not block. The state may have moved on by the time of the call.
 */
public interface PortListener {
  /** The port exists; the guest may not know of it yet. */
  default void portAdded(PortInfo port) {}

  /** The port is gone and its number and name are free. */
  default void portRemoved(PortInfo port) {}

  /** The guest could not set the port up (PORT_READY 0). */
  default void portFailed(PortInfo port) {}

  /** A program in the guest has opened the port. */
  default void guestOpened(PortInfo port) {}

  /** The guest has closed the port, or was reset. */
  default void guestClosed(PortInfo port) {}

  /** A host program has connected. */
  default void hostConnected(PortInfo port) {}

  /** The host program has gone, and the guest has been given all its bytes. */
  default void hostDisconnected(PortInfo port) {}
}
