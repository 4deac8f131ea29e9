package org.microvm.virtioserial;

/**
 * Counters of one port since it was added, all read at one moment.
 *
 * @param fromGuest guest to host; a stall is counted when the host program accepts no more bytes
 * @param toGuest host to guest; a stall is counted when the guest has no receive buffers
 * @param bytesCopied bytes that the VMM itself copied, without those that the kernel moved straight
 *     between guest RAM and the host program
 * @param malformed buffers that the driver must not put into the queue
 */
public record PortStatistics(
    DirectionStatistics fromGuest, DirectionStatistics toGuest, long bytesCopied, long malformed) {

  /** {@return the bytes that left the guest's transmit buffers} */
  public long bytesFromGuest() {
    return fromGuest.bytes();
  }

  /** {@return the number of transmit buffers returned to the guest} */
  public long chainsFromGuest() {
    return fromGuest.chains();
  }

  /** {@return the bytes put into the guest's receive buffers} */
  public long bytesToGuest() {
    return toGuest.bytes();
  }

  /** {@return the number of receive buffers returned to the guest} */
  public long chainsToGuest() {
    return toGuest.chains();
  }

  /** {@return the bytes from the guest that the VMM keeps at the moment} */
  public long bytesHeldForHost() {
    return fromGuest.bytesHeld();
  }

  /** {@return the bytes from the host that the VMM keeps at the moment} */
  public long bytesHeldForGuest() {
    return toGuest.bytesHeld();
  }

  /** {@return the bytes that were dropped, in both directions} */
  public long bytesDropped() {
    return fromGuest.bytesDropped() + toGuest.bytesDropped();
  }

  /** {@return how often the host program accepted no more of the guest's bytes} */
  public long hostStalls() {
    return fromGuest.stalls();
  }

  /** {@return how often the guest had no receive buffers for the host's bytes} */
  public long guestStalls() {
    return toGuest.stalls();
  }
}
