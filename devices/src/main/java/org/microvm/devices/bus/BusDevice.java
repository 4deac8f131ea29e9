package org.microvm.devices.bus;

/**
 * What answers port or memory accesses of the guest; the bus finds it by address.
 *
 * <p>Called on vCPU threads, several at once; an implementation guards itself and never blocks.
 */
public interface BusDevice {
  /**
   * Answers a read.
   *
   * @param offset bytes from the start of the device's range
   * @param size width in bytes: 1, 2, 4 or 8
   * @return the value, zero-extended
   */
  long read(long offset, int size);

  /**
   * Takes a write.
   *
   * @param offset bytes from the start of the device's range
   * @param size width in bytes: 1, 2, 4 or 8
   * @param value the value, zero-extended
   */
  void write(long offset, int size, long value);
}
