package org.microvm.virtioserial;

/**
 * Receives the events of a device's ports.
 *
 * <p>The methods are called on the event loop, one event after the other in the order in which they
 * happened, without a lock. They must not block. The port's state may have changed again by the
 * time of the call.
 */
public interface PortListener {
  /** The port was added; the guest may not know it yet. */
  default void portAdded(PortInfo port) {}

  /** The port was removed; its number and name are free. */
  default void portRemoved(PortInfo port) {}

  /** The guest could not set the port up (PORT_READY 0). */
  default void portFailed(PortInfo port) {}

  /** A program in the guest has opened the port. */
  default void guestOpened(PortInfo port) {}

  /** The guest has closed the port, or was reset. */
  default void guestClosed(PortInfo port) {}

  /** A host program has connected. */
  default void hostConnected(PortInfo port) {}

  /**
   * The host program's connection has ended. If the program closed it, the guest has been given all
   * of its bytes.
   */
  default void hostDisconnected(PortInfo port) {}
}
