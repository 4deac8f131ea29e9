package org.microvm.virtioserial;

/**
 * Counters of one direction of a port since the port was added.
 *
 * @param bytes bytes that were moved out of the guest's transmit buffers, to the host program or
 *     the VMM's memory, or into the guest's receive buffers
 * @param chains buffers returned to the guest
 * @param bytesHeld bytes that the VMM keeps at the moment
 * @param bytesDropped bytes that were dropped, see {@link PortConfig}
 * @param stalls how often the receiving side had no room for the next bytes
 * @param throttles how often the port had to wait because of its {@link RateLimit}
 */
public record DirectionStatistics(
    long bytes, long chains, long bytesHeld, long bytesDropped, long stalls, long throttles) {}
