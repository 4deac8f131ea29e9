package org.microvm.virtioserial;

/**
 * The state of a port at one moment.
 *
 * @param port the port
 * @param backend a description of the host end, for messages
 * @param guestReady whether the guest has set the port up
 * @param guestOpen whether the guest has it open
 * @param hostConnected whether a host program is connected
 * @param statistics its counters
 */
public record PortStatus(
    PortInfo port,
    String backend,
    boolean guestReady,
    boolean guestOpen,
    boolean hostConnected,
    PortStatistics statistics) {}
