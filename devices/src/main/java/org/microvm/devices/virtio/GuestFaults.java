package org.microvm.devices.virtio;

/**
 * Counts what a guest does wrong, and says which of it is worth a line in the log: the first, the
 * second, the fourth and so on. So a guest that does nothing else cannot fill a disk.
 *
 * <p>Guarded by the device lock.
 */
final class GuestFaults {
  private long count;

  /** Counts one; whether it is to be logged. */
  boolean add() {
    count++;
    return Long.bitCount(count) == 1;
  }

  long count() {
    return count;
  }
}
