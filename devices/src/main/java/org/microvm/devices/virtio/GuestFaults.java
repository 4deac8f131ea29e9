package org.microvm.devices.virtio;

/**
 * Counts a guest's faults and decides which are logged: the first, the second, the fourth, the
 * eighth and so on. So a guest that does nothing else cannot fill the log's disk.
 *
 * <p>Guarded by the device lock.
 */
final class GuestFaults {
  private long count;

  /** Counts one fault; returns whether it should be logged. */
  boolean add() {
    count++;
    return Long.bitCount(count) == 1;
  }

  long count() {
    return count;
  }
}
