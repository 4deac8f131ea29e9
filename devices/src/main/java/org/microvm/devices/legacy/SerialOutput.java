package org.microvm.devices.legacy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Where a serial port's bytes go; called on a vCPU thread with the port's lock held, so it must
 * neither block nor call back into the port. Use a {@link SerialRing} before anything that may be
 * slow.
 */
@FunctionalInterface
public interface SerialOutput {
  /** Takes one byte. */
  void write(byte value);

  /** Takes several bytes, which are only valid during the call. */
  default void write(MemorySegment data, long position, int length) {
    for (int i = 0; i < length; i++) {
      write(data.get(ValueLayout.JAVA_BYTE, position + i));
    }
  }
}
