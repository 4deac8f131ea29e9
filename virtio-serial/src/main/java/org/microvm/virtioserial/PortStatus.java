package org.microvm.virtioserial;

/**
 * What is known of a port at one moment.
 *
 * @param port which one
 * @param backend where its bytes go on the host, for people
 * @param guestReady whether the guest has set the port up
 * @param guestOpen whether the guest has it open
 * @param hostConnected whether a host program is connected
 * @param statistics its numbers
 */
public record PortStatus(
    PortInfo port,
    String backend,
    boolean guestReady,
    boolean guestOpen,
    boolean hostConnected,
    PortStatistics statistics) {}
