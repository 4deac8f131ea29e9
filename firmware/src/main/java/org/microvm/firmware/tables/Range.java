package org.microvm.firmware.tables;

/**
 * A range of guest-physical memory.
 *
 * @param start address of the first byte
 * @param length bytes; 0 for no range at all
 */
public record Range(long start, long length) {
  /** No range. */
  public static final Range NONE = new Range(0, 0);

  /** Whether there is none. */
  public boolean isEmpty() {
    return length == 0;
  }
}
