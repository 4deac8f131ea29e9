package org.microvm.virtioserial;

/** What happens to a host program's connection when the guest closes the port. */
public enum GuestClose {
  /** The connection stays: the guest may open the port again and continue. */
  HOLD,

  /**
   * The connection ends, as a network connection would: the host program still receives what the
   * guest sent before it closed the port, and then the end of the stream. Bytes of the host program
   * that the guest has not read are dropped and counted. A reset of the guest closes the port too.
   */
  DISCONNECT
}
