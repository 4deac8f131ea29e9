package org.microvm.virtioserial;

/**
 * The numbers of one port since it was added, all read at one moment.
 *
 * @param bytesFromGuest bytes that left the guest's transmit buffers towards the host program or
 *     the host-side buffer
 * @param chainsFromGuest transmit buffers given back to the guest
 * @param bytesToGuest bytes put into the guest's receive buffers
 * @param chainsToGuest receive buffers given back to the guest
 * @param bytesHeldForHost bytes from the guest that the VMM keeps at the moment
 * @param bytesHeldForGuest bytes from the host that the VMM keeps at the moment
 * @param bytesDropped bytes that went nowhere, in both directions: see {@link PortConfig}
 * @param bytesCopied bytes that the VMM itself copied; those that the kernel moved straight between
 *     guest RAM and the host program are not among them
 * @param hostStalls how often the host program did not take what the guest had to send
 * @param guestStalls how often the guest had no buffer for what the host had to send
 * @param malformed buffers that the driver should not have put into the queue
 */
public record PortStatistics(
    long bytesFromGuest,
    long chainsFromGuest,
    long bytesToGuest,
    long chainsToGuest,
    long bytesHeldForHost,
    long bytesHeldForGuest,
    long bytesDropped,
    long bytesCopied,
    long hostStalls,
    long guestStalls,
    long malformed) {}
