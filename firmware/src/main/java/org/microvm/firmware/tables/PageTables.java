package org.microvm.firmware.tables;

import java.nio.ByteBuffer;

/**
 * Page tables that map the first 4 GiB one to one in 2 MiB pages, as Linux's 64-bit entry needs
 * (Documentation/arch/x86/boot.rst, 64-bit boot protocol).
 *
 * <p>1 GiB pages would need fewer tables, but not every CPU supports them, and neither does KVM
 * when it shadows the tables.
 */
public final class PageTables {
  private static final int PAGE = 4096;
  private static final int ENTRIES = PAGE / Long.BYTES;
  private static final int DIRECTORIES = 4;
  private static final long LARGE_PAGE = 2 << 20;

  private static final int PRESENT = 1;
  private static final int WRITABLE = 1 << 1;
  private static final int LARGE = 1 << 7;

  private PageTables() {}

  /**
   * @param base guest-physical address at which the tables will be, which becomes CR3
   * @return PML4, page directory pointer table and four page directories
   */
  public static byte[] build(long base) {
    ByteBuffer tables = Bytes.allocate((2 + DIRECTORIES) * PAGE);
    tables.putLong(0, base + PAGE | WRITABLE | PRESENT);
    for (int i = 0; i < DIRECTORIES; i++) {
      tables.putLong(PAGE + i * Long.BYTES, base + (2L + i) * PAGE | WRITABLE | PRESENT);
    }
    tables.position(2 * PAGE);
    for (int i = 0; i < DIRECTORIES * ENTRIES; i++) {
      tables.putLong(i * LARGE_PAGE | LARGE | WRITABLE | PRESENT);
    }
    return tables.array();
  }
}
