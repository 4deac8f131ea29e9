package org.microvm.devices.legacy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Receives the bytes that the guest sends on a serial port. It is called on a vCPU thread with the
 * port's lock held, so it must neither block nor call back into the port. Put a {@link SerialRing}
 * in front of anything that may be slow.
 */
@FunctionalInterface
public interface SerialOutput {
  /**
   * Writes one byte.
   *
   * @param value the byte that the guest has sent
   */
  void write(byte value);

  /**
   * Writes several bytes, which are valid only during the call.
   *
   * @param data holds the bytes
   * @param position of the first byte in {@code data}
   * @param length the number of bytes
   */
  default void write(MemorySegment data, long position, int length) {
    for (int i = 0; i < length; i++) {
      write(data.get(ValueLayout.JAVA_BYTE, position + i));
    }
  }
}
