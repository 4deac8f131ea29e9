package org.microvm.virtioserial;

/** What a port counts; see {@link PortStatistics}. Guarded by the device lock. */
final class PortCounters {
  long bytesFromGuest;
  long chainsFromGuest;
  long bytesToGuest;
  long chainsToGuest;
  long bytesDropped;
  long bytesCopied;
  long hostStalls;
  long guestStalls;
  long malformed;
}
