package org.microvm.firmware.tables;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.microvm.firmware.image.SetupHeader;

class ZeroPageTest {
  private static final MemoryMap MAP =
      new MemoryMap(
          List.of(
              new MemoryMap.Entry(0, 0x9e000, MemoryMap.RAM),
              new MemoryMap.Entry(0x1_0000_0000L, 0x2_0000_1000L, MemoryMap.RESERVED)));

  private final ByteBuffer page =
      ByteBuffer.wrap(
              ZeroPage.build(
                  SetupHeader.synthesized(2047), MAP, new Range(0xbffff000L, 0xfff), 0xe0000))
          .order(ByteOrder.LITTLE_ENDIAN);

  @Test
  void build_page_isAPageLong() {
    assertEquals(4096, page.limit());
  }

  @Test
  void build_memoryMap_isPackedFrom2d0() {
    assertEquals(2, page.get(0x1e8));
    assertEquals(0x9e000, page.getLong(0x2d8));
    assertEquals(1, page.getInt(0x2e0));
    assertEquals(0x1_0000_0000L, page.getLong(0x2e4));
    assertEquals(0x2_0000_1000L, page.getLong(0x2ec));
    assertEquals(2, page.getInt(0x2f4));
    assertEquals(0, page.getLong(0x2f8));
  }

  @Test
  void build_initrdAbove2Gib_keepsItsAddress() {
    assertEquals(0xbffff000, page.getInt(0x218));
    assertEquals(0xfff, page.getInt(0x21c));
  }

  @Test
  void build_sentinel_isZero() {
    assertEquals(0, page.get(0x1ef));
  }

  @Test
  void build_rsdp_isPointedTo() {
    assertEquals(0xe0000, page.getLong(0x70));
  }
}
