package org.microvm.virtioserial;

/**
 * The numbers of one direction of a port since it was added.
 *
 * @param bytes bytes that left the guest's transmit buffers towards the host program or the VMM's
 *     memory, or that were put into its receive buffers
 * @param chains buffers given back to the guest
 * @param bytesHeld bytes that the VMM keeps at the moment
 * @param bytesDropped bytes that went nowhere: see {@link PortConfig}
 * @param stalls how often the receiving side did not take what there was to send
 * @param throttles how often the port had to rest for its {@link RateLimit}
 */
public record DirectionStatistics(
    long bytes, long chains, long bytesHeld, long bytesDropped, long stalls, long throttles) {}
