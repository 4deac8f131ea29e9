package org.microvm.firmware.acpi;

import java.nio.ByteBuffer;
import org.microvm.firmware.tables.Bytes;

/** The extended system description table, which lists tables (ACPI 6.5, section 5.2.8). */
final class Xsdt {
  private static final int REVISION = 1;

  private Xsdt() {}

  /**
   * Builds the table.
   *
   * @param tables guest-physical addresses of the FADT and the tables that nothing else points to
   */
  static byte[] build(long... tables) {
    ByteBuffer body = Bytes.allocate(tables.length * Long.BYTES);
    for (long table : tables) {
      body.putLong(table);
    }
    return TableHeader.table("XSDT", REVISION, body.array());
  }
}
