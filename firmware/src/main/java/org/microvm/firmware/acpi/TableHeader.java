package org.microvm.firmware.acpi;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.microvm.firmware.tables.Bytes;

/** The header that all tables but the RSDP have (ACPI 6.5, section 5.2.6). */
final class TableHeader {
  /** The length of the header in bytes. */
  static final int HEADER_SIZE = 36;

  /** The maker of the machine, six characters. */
  static final String OEM_ID = "MICROV";

  private static final String OEM_TABLE_ID = "MICROVM ";
  private static final String CREATOR_ID = "MVM ";
  private static final int CREATOR_REVISION = 1;
  private static final int OEM_REVISION = 1;
  private static final int CHECKSUM = 9;

  private TableHeader() {}

  /**
   * Creates a table.
   *
   * @param signature four characters
   * @param revision of the table's layout
   * @param body what follows the header
   */
  static byte[] table(String signature, int revision, byte[] body) {
    ByteBuffer table = Bytes.allocate(HEADER_SIZE + body.length);
    put(table, signature);
    table.putInt(table.capacity()).put((byte) revision).put((byte) 0);
    put(table, OEM_ID);
    put(table, OEM_TABLE_ID);
    table.putInt(OEM_REVISION);
    put(table, CREATOR_ID);
    table.putInt(CREATOR_REVISION).put(body);
    Bytes.seal(table.array(), CHECKSUM);
    return table.array();
  }

  /** Appends ASCII characters. */
  static void put(ByteBuffer table, String text) {
    table.put(text.getBytes(StandardCharsets.US_ASCII));
  }
}
