package org.microvm.devices.virtio;

/**
 * The bytes of a device's configuration space (section 2.5): little-endian, accesses of any size
 * and alignment, zero past the end. Guarded by the device lock.
 */
public final class ConfigSpace {
  private final byte[] bytes;

  /**
   * Creates a space of zeros.
   *
   * @param size in bytes
   */
  public ConfigSpace(int size) {
    bytes = new byte[size];
  }

  /**
   * Reads a value as {@link VirtioDevice#readConfig} requires.
   *
   * @param offset from the start of the space, not negative
   * @param size 1 to 8 bytes
   * @return the value, zero-extended; bytes past the end are zero
   */
  public long read(int offset, int size) {
    long value = 0;
    for (int i = 0; i < size; i++) {
      value |= (long) at(offset + i) << (8 * i);
    }
    return value;
  }

  /**
   * Sets a field.
   *
   * @param offset of the field's lowest byte
   * @param size of the field in bytes, 1 to 8; it must lie within the space
   * @param value its low {@code size} bytes are stored
   */
  public void put(int offset, int size, long value) {
    for (int i = 0; i < size; i++) {
      bytes[offset + i] = (byte) (value >>> (8 * i));
    }
  }

  private int at(int index) {
    return index >= 0 && index < bytes.length ? bytes[index] & 0xff : 0;
  }
}
