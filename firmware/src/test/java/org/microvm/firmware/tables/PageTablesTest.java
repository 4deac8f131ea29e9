package org.microvm.firmware.tables;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PageTablesTest {
  private static final long BASE = 0x9000;
  private static final long NOT_MAPPED = -1;

  private final ByteBuffer tables =
      ByteBuffer.wrap(PageTables.build(BASE)).order(ByteOrder.LITTLE_ENDIAN);

  @ParameterizedTest
  @ValueSource(
      longs = {
        0,
        0x7000,
        0x1fffff,
        0x200000,
        0x1000000,
        0x3fffffffL,
        0x40000000L,
        0xd0000123L,
        0xffffffffL
      })
  void build_addressBelow4Gib_isMappedToItself(long address) {
    assertEquals(address, walk(address));
  }

  @ParameterizedTest
  @ValueSource(longs = {0x100000000L, 0x8000000000L, 0xffffffff81000000L})
  void build_addressBeyond_isNotMapped(long address) {
    assertEquals(NOT_MAPPED, walk(address));
  }

  @Test
  void build_tables_endBeforeTheCommandLine() {
    assertEquals(0xf000, BASE + tables.limit());
  }

  /** Translates as the CPU would: present and writable at each level, 2 MiB pages at the third. */
  private long walk(long address) {
    long table = BASE;
    for (int shift = 39; shift >= 21; shift -= 9) {
      int index = (int) (address >>> shift & 0x1ff);
      long entry = tables.getLong((int) (table - BASE) + index * 8);
      if ((entry & 3) != 3) {
        return NOT_MAPPED;
      }
      if (shift == 21) {
        return (entry & 0x80) == 0 ? NOT_MAPPED : (entry & ~0x1f_ffffL) + (address & 0x1f_ffffL);
      }
      table = entry & ~0xfffL;
    }
    return NOT_MAPPED;
  }
}
