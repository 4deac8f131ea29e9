package org.microvm.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.util.List;
import org.junit.jupiter.api.Test;

class GuestMemoryTest {
  private static final long HIGH = GuestMemory.HOLE_END;

  private final Arena arena = Arena.ofAuto();
  private final GuestMemory memory =
      new GuestMemory(
          List.of(
              new MemoryRegion(HIGH, arena.allocate(4096), 4096),
              new MemoryRegion(0, arena.allocate(4096), 0)));

  @Test
  void size_isTheSumOfTheRegions() {
    assertEquals(8192, memory.size());
  }

  @Test
  void regions_areSortedByAddress() {
    assertEquals(0, memory.regions().getFirst().start());
  }

  @Test
  void putInt_isLittleEndianAndMayBeUnaligned() throws Exception {
    memory.putInt(HIGH + 1, 0x11223344);

    assertEquals(0x44, memory.getByte(HIGH + 1));
    assertEquals(0x1122, memory.getShort(HIGH + 3));
  }

  @Test
  void write_thenReadGivesTheSameBytes() throws Exception {
    byte[] back = new byte[3];

    memory.write(4093, new byte[] {1, 2, 3});
    memory.read(4093, back);

    assertEquals(3, back[2]);
  }

  @Test
  void contains_lastByteOfARegion() {
    assertTrue(memory.contains(4095, 1));
    assertFalse(memory.contains(4095, 2));
    assertTrue(memory.contains(4096, 0));
  }

  @Test
  void contains_lengthThatWrapsAroundIsRefused() {
    assertFalse(memory.contains(16, -8L));
    assertFalse(memory.contains(-8L, 16));
    assertFalse(memory.contains(Long.MIN_VALUE, Long.MIN_VALUE));
  }

  @Test
  void hostAddress_isTheSegmentsAddress() throws Exception {
    assertEquals(memory.slice(HIGH + 16, 1).address(), memory.hostAddress(HIGH + 16, 4080));
  }

  @Test
  void access_inTheHoleNamesTheAddress() {
    var failure =
        assertThrows(GuestMemoryException.class, () -> memory.getLong(GuestMemory.HOLE_START));

    assertEquals(
        "guest-physical address 0xc0000000, length 8, is not in guest RAM", failure.getMessage());
  }

  @Test
  void regions_overlappingAreRefused() {
    var regions =
        List.of(
            new MemoryRegion(0, arena.allocate(8192), 0),
            new MemoryRegion(4096, arena.allocate(4096), 0));

    assertThrows(IllegalArgumentException.class, () -> new GuestMemory(regions));
  }
}
