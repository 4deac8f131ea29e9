package org.microvm.virtioserial;

/**
 * The numbers of one port since it was added, all read at one moment.
 *
 * @param fromGuest guest to host; it stalls when the host program does not take what is sent
 * @param toGuest host to guest; it stalls when the guest has no buffer for what is sent
 * @param bytesCopied bytes that the VMM itself copied; those that the kernel moved straight between
 *     guest RAM and the host program are not among them
 * @param malformed buffers that the driver should not have put into the queue
 */
public record PortStatistics(
    DirectionStatistics fromGuest, DirectionStatistics toGuest, long bytesCopied, long malformed) {

  /** Bytes that left the guest's transmit buffers. */
  public long bytesFromGuest() {
    return fromGuest.bytes();
  }

  /** Transmit buffers given back to the guest. */
  public long chainsFromGuest() {
    return fromGuest.chains();
  }

  /** Bytes put into the guest's receive buffers. */
  public long bytesToGuest() {
    return toGuest.bytes();
  }

  /** Receive buffers given back to the guest. */
  public long chainsToGuest() {
    return toGuest.chains();
  }

  /** Bytes from the guest that the VMM keeps at the moment. */
  public long bytesHeldForHost() {
    return fromGuest.bytesHeld();
  }

  /** Bytes from the host that the VMM keeps at the moment. */
  public long bytesHeldForGuest() {
    return toGuest.bytesHeld();
  }

  /** Bytes that went nowhere, in both directions. */
  public long bytesDropped() {
    return fromGuest.bytesDropped() + toGuest.bytesDropped();
  }

  /** How often the host program did not take what the guest had to send. */
  public long hostStalls() {
    return fromGuest.stalls();
  }

  /** How often the guest had no buffer for what the host had to send. */
  public long guestStalls() {
    return toGuest.stalls();
  }
}
