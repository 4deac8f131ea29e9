package org.microvm.firmware.tables;

/**
 * A range of guest-physical memory.
 *
 * @param start address of the first byte
 * @param length in bytes; 0 for no range
 */
public record Range(long start, long length) {
  /** No range. */
  public static final Range NONE = new Range(0, 0);

  /** Whether this is no range. */
  public boolean isEmpty() {
    return length == 0;
  }
}
