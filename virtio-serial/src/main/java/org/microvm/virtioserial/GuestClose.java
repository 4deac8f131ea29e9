package org.microvm.virtioserial;

/** What becomes of a host program's connection when the guest closes the port. */
public enum GuestClose {
  /** It stays: the guest may open the port again and go on. */
  HOLD,

  /**
   * It ends, as a network connection would: the host program still gets what the guest sent before
   * it closed the port, and then the end of the stream. What it has sent and the guest has not read
   * is dropped and counted. A reset of the guest closes the port too.
   */
  DISCONNECT
}
