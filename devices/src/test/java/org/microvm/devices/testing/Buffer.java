package org.microvm.devices.testing;

/**
 * A piece of a buffer, which becomes one descriptor.
 *
 * @param address guest-physical
 * @param length size in bytes
 * @param writable whether it is for the device to write
 */
public record Buffer(long address, long length, boolean writable) {

  /** A piece that the device reads. */
  public static Buffer readable(long address, long length) {
    return new Buffer(address, length, false);
  }

  /** A piece that the device writes. */
  public static Buffer writable(long address, long length) {
    return new Buffer(address, length, true);
  }
}
