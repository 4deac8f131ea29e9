package org.microvm.virtioserial;

/**
 * Receives the events of a device's ports.
 *
 * <p>The methods are called on the event loop, one event after the other in the order in which they
 * happened, without a lock. They must not block. An exception that one throws is logged. The port's
 * state may have changed again by the time of the call.
 */
public interface PortListener {
  /**
   * Reports that a port was added; the guest may not know it yet.
   *
   * @param port number, name and kind of the port
   */
  default void portAdded(PortInfo port) {}

  /**
   * Reports that a port was removed; its number and name are free.
   *
   * @param port the number, name and kind that the port had
   */
  default void portRemoved(PortInfo port) {}

  /**
   * Reports that the guest could not set a port up (PORT_READY 0).
   *
   * @param port number, name and kind of the port
   */
  default void portFailed(PortInfo port) {}

  /**
   * Reports that a program in the guest has opened a port.
   *
   * @param port number, name and kind of the port
   */
  default void guestOpened(PortInfo port) {}

  /**
   * Reports that the guest has closed a port, or was reset.
   *
   * @param port number, name and kind of the port
   */
  default void guestClosed(PortInfo port) {}

  /**
   * Reports that a host program has connected to a port.
   *
   * @param port number, name and kind of the port
   */
  default void hostConnected(PortInfo port) {}

  /**
   * Reports that a host program's connection has ended. If the program closed it, the guest has
   * been given all of its bytes.
   *
   * @param port number, name and kind of the port
   */
  default void hostDisconnected(PortInfo port) {}
}
