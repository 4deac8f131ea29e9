package org.microvm.firmware.tables;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.microvm.firmware.layout.GuestLayout;

class StartInfoTest {
  private static final MemoryMap MAP =
      new MemoryMap(
          List.of(
              new MemoryMap.Entry(0, 0x9e000, MemoryMap.RAM),
              new MemoryMap.Entry(0x9e000, 0x2000, MemoryMap.RESERVED)));

  @Test
  void build_withoutInitrd_hasHeaderAndMemoryMap() {
    ByteBuffer info = build(Range.NONE);

    assertEquals(0x336ec578, info.getInt(0));
    assertEquals(1, info.getInt(4));
    assertEquals(0, info.getInt(12));
    assertEquals(0, info.getLong(16));
    assertEquals(GuestLayout.COMMAND_LINE, info.getLong(24));
    assertEquals(0xe0000, info.getLong(32));
    assertEquals(GuestLayout.START_INFO + 56, info.getLong(40));
    assertEquals(2, info.getInt(48));
    assertEquals(56 + 2 * 24, info.limit());
  }

  @Test
  void build_withInitrd_putsItBeforeTheMemoryMap() {
    ByteBuffer info = build(new Range(0xb000_0000L, 0x123));

    assertEquals(1, info.getInt(12));
    assertEquals(GuestLayout.START_INFO + 56, info.getLong(16));
    assertEquals(GuestLayout.START_INFO + 88, info.getLong(40));
    assertEquals(0xb000_0000L, info.getLong(56));
    assertEquals(0x123, info.getLong(64));
    assertEquals(0, info.getLong(72));
  }

  @Test
  void build_memoryMap_hasAllEntries() {
    ByteBuffer info = build(Range.NONE);

    assertEquals(0x9e000, info.getLong(56 + 8));
    assertEquals(1, info.getInt(56 + 16));
    assertEquals(0x9e000, info.getLong(80));
    assertEquals(0x2000, info.getLong(80 + 8));
    assertEquals(2, info.getInt(80 + 16));
  }

  private static ByteBuffer build(Range initrd) {
    return ByteBuffer.wrap(StartInfo.build(MAP, initrd, 0xe0000)).order(ByteOrder.LITTLE_ENDIAN);
  }
}
