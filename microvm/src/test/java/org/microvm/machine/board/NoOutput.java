package org.microvm.machine.board;

import java.lang.foreign.MemorySegment;
import org.microvm.devices.legacy.SerialOutput;

/** Discards the output of a UART. */
final class NoOutput implements SerialOutput {
  @Override
  public void write(byte value) {}

  @Override
  public void write(MemorySegment data, long position, int length) {}
}
