package org.microvm.firmware.acpi;

import java.nio.ByteBuffer;
import org.microvm.firmware.tables.Bytes;

/**
 * The root system description pointer, from which all other tables are found (ACPI 6.5, section
 * 5.2.5.3).
 */
final class Rsdp {
  /** The length in bytes. */
  static final int SIZE = 36;

  private static final int REVISION = 2;
  private static final int CHECKSUM = 8;
  private static final int EXTENDED_CHECKSUM = 32;

  /** The part that ACPI 1.0 defines, which has its own checksum. */
  private static final int FIRST_PART = 20;

  private Rsdp() {}

  /**
   * Builds the pointer. It has no RSDT, which only operating systems from before ACPI 2.0 need.
   *
   * @param xsdt guest-physical address of the XSDT
   */
  static byte[] build(long xsdt) {
    ByteBuffer pointer = Bytes.allocate(SIZE);
    TableHeader.put(pointer, "RSD PTR ");
    pointer.put((byte) 0);
    TableHeader.put(pointer, TableHeader.OEM_ID);
    pointer.put((byte) REVISION).putInt(0).putInt(SIZE).putLong(xsdt);
    int sum = 0;
    for (int i = 0; i < FIRST_PART; i++) {
      sum += pointer.get(i);
    }
    pointer.put(CHECKSUM, (byte) -sum);
    Bytes.seal(pointer.array(), EXTENDED_CHECKSUM);
    return pointer.array();
  }
}
