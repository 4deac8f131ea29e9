package org.microvm.machine.emulation;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.microvm.memory.GuestMemory;
import org.microvm.memory.GuestMemoryException;
import org.microvm.memory.MemoryRegion;

class GuestPageTablesTest {
  private static final long PRESENT = 1;
  private static final long LARGE = 1 << 7;
  private static final long NO_EXECUTE = 1L << 63;

  private static final long ROOT = 0x1000;
  private static final long LEVEL_3 = 0x2000;
  private static final long LEVEL_2 = 0x3000;
  private static final long LEVEL_1 = 0x4000;
  private static final long PAGE = 0x5000;

  /** Index 511, 510, 1 and 2 in the four tables, with offset 0x18 in the page. */
  private static final long VIRTUAL = 0xffff_ffff_8020_2018L;

  private final GuestMemory memory =
      new GuestMemory(List.of(new MemoryRegion(0, Arena.ofAuto().allocate(4 << 20, 4096), 0)));
  private final GuestPageTables tables = new GuestPageTables(memory, ROOT | 0x18);

  @BeforeEach
  void map() throws GuestMemoryException {
    entry(ROOT, 511, LEVEL_3 | PRESENT);
    entry(LEVEL_3, 510, LEVEL_2 | PRESENT);
    entry(LEVEL_2, 1, LEVEL_1 | PRESENT);
    entry(LEVEL_1, 2, PAGE | PRESENT | NO_EXECUTE);
    memory.putLong(PAGE + 0x18, 0x1122_3344_5566_7788L);
  }

  private void entry(long table, int index, long value) throws GuestMemoryException {
    memory.putLong(table + 8L * index, value);
  }

  @Test
  void read_ofAMappedPage_givesItsBytes() {
    assertEquals(0x1122_3344_5566_7788L, tables.read(VIRTUAL));
  }

  @Test
  void read_ofAnEntryThatIsNotPresent_isZero() throws GuestMemoryException {
    entry(LEVEL_1, 2, PAGE);

    assertEquals(0, tables.read(VIRTUAL));
  }

  @Test
  void read_ofATableThatIsNotPresent_isZero() throws GuestMemoryException {
    entry(ROOT, 511, LEVEL_3);

    assertEquals(0, tables.read(VIRTUAL));
  }

  @Test
  void read_ofATwoMebibytePage_usesTheLowBitsAsOffset() throws GuestMemoryException {
    entry(LEVEL_2, 1, (2L << 20) | LARGE | PRESENT);
    memory.putLong((2L << 20) + 0x2018, 42);

    assertEquals(42, tables.read(VIRTUAL));
  }

  @Test
  void read_ofAOneGibibytePage_usesTheLowBitsAsOffset() throws GuestMemoryException {
    entry(LEVEL_3, 510, LARGE | PRESENT);
    memory.putLong(0x20_2018, 43);

    assertEquals(43, tables.read(VIRTUAL));
  }

  @Test
  void read_withTheLargeBitInTheRoot_isNoPage() throws GuestMemoryException {
    entry(ROOT, 511, LEVEL_3 | LARGE | PRESENT);

    assertEquals(0x1122_3344_5566_7788L, tables.read(VIRTUAL));
  }

  @Test
  void read_ofTheLastWordOfAPage_isWithinIt() throws GuestMemoryException {
    memory.putLong(PAGE + 0xff8, 44);

    assertEquals(44, tables.read(VIRTUAL - 0x18 + 0xff8));
  }

  @Test
  void read_acrossTwoPages_isZero() {
    assertEquals(0, tables.read(VIRTUAL - 0x18 + 0xff9));
  }

  @Test
  void read_ofAPageOutsideRam_isZero() throws GuestMemoryException {
    entry(LEVEL_1, 2, 0x000f_ffff_ffff_f000L | PRESENT);

    assertEquals(0, tables.read(VIRTUAL));
  }

  @Test
  void read_withTablesOutsideRam_isZero() {
    assertEquals(0, new GuestPageTables(memory, 0x4000_0000L).read(VIRTUAL));
  }

  @Test
  void physical_needsAPermissionAtEachLevel() throws GuestMemoryException {
    entry(LEVEL_1, 2, PAGE | PRESENT | GuestPageTables.WRITABLE);
    assertEquals(GuestPageTables.NOT_MAPPED, tables.physical(VIRTUAL, GuestPageTables.WRITABLE));

    entry(ROOT, 511, LEVEL_3 | PRESENT | GuestPageTables.WRITABLE);
    entry(LEVEL_3, 510, LEVEL_2 | PRESENT | GuestPageTables.WRITABLE);
    entry(LEVEL_2, 1, LEVEL_1 | PRESENT | GuestPageTables.WRITABLE);

    assertEquals(PAGE + 0x18, tables.physical(VIRTUAL, GuestPageTables.WRITABLE));
  }

  @Test
  void physical_ofAnAddressThatIsNotCanonical_isNotMapped() {
    assertEquals(GuestPageTables.NOT_MAPPED, tables.physical(VIRTUAL & 0x0000_ffff_ffff_ffffL, 0));
  }

  @Test
  void physical_withFiveLevels_startsAtTheFifth() throws GuestMemoryException {
    long top = 0x6000;
    entry(top, 511, ROOT | PRESENT);

    assertEquals(PAGE + 0x18, new GuestPageTables(memory, top, 1 << 12).physical(VIRTUAL, 0));
  }
}
