package org.microvm.firmware.acpi;

import java.nio.ByteBuffer;
import org.microvm.firmware.tables.Bytes;

/**
 * Resource descriptors (ACPI 6.5, section 6.4), named as the ACPI Source Language names them. All
 * interrupts are edge-triggered and active high: an irqfd delivers a pulse, and a level-triggered
 * pin would lose the pulses that come before the end of the interrupt.
 */
final class Resources {
  private static final byte IRQ = 0x22;
  private static final byte IO = 0x47;
  private static final byte END_TAG = 0x79;
  private static final byte MEMORY32_FIXED = (byte) 0x86;
  private static final byte EXTENDED_INTERRUPT = (byte) 0x89;

  private static final byte DECODE_16 = 1;
  private static final byte READ_WRITE = 1;
  private static final byte CONSUMER = 1;
  private static final byte EDGE = 1 << 1;

  private Resources() {}

  /** {@code ResourceTemplate () {descriptors}}. */
  static byte[] resourceTemplate(byte[]... descriptors) {
    // A checksum of 0 counts as correct (section 6.4.2.9).
    return Aml.buffer(Aml.join(Aml.join(descriptors), new byte[] {END_TAG, 0}));
  }

  /** {@code IO (Decode16, port, port, 1, count)} (section 6.4.2.5). */
  static byte[] io(int port, int count) {
    ByteBuffer descriptor = Bytes.allocate(8);
    descriptor.put(IO).put(DECODE_16).putShort((short) port).putShort((short) port);
    descriptor.put((byte) 1).put((byte) count);
    return descriptor.array();
  }

  /** {@code IRQNoFlags () {irq}}: edge-triggered, active high (section 6.4.2.1). */
  static byte[] irqNoFlags(int irq) {
    return Bytes.allocate(3).put(IRQ).putShort((short) (1 << irq)).array();
  }

  /** {@code Memory32Fixed (ReadWrite, address, length)} (section 6.4.3.4). */
  static byte[] memory32Fixed(long address, long length) {
    ByteBuffer descriptor = Bytes.allocate(12);
    descriptor.put(MEMORY32_FIXED).putShort((short) 9).put(READ_WRITE);
    return descriptor.putInt((int) address).putInt((int) length).array();
  }

  /** {@code Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) {gsi}} (section 6.4.3.6). */
  static byte[] interrupt(int gsi) {
    ByteBuffer descriptor = Bytes.allocate(9);
    descriptor.put(EXTENDED_INTERRUPT).putShort((short) 6).put((byte) (CONSUMER | EDGE));
    return descriptor.put((byte) 1).putInt(gsi).array();
  }
}
