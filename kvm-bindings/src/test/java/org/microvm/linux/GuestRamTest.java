package org.microvm.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.microvm.memory.GuestMemory;

class GuestRamTest {
  private static final long GIB = 1L << 30;

  @Test
  void allocate_smallIsOneRegion() throws Exception {
    try (GuestRam ram = GuestRam.allocate(4096)) {
      assertEquals(1, ram.memory().regions().size());
      assertEquals(4096, ram.file().size());
    }
  }

  @Test
  void allocate_largeHasTheHoleAndTakesNoMemory() throws Exception {
    try (GuestRam ram = GuestRam.allocate(64 * GIB)) {
      GuestMemory memory = ram.memory();
      assertEquals(64 * GIB, memory.size());
      assertTrue(memory.contains(3 * GIB - 1, 1));
      assertFalse(memory.contains(3 * GIB, 1));
      assertTrue(memory.contains(65 * GIB - 1, 1));
      assertFalse(memory.contains(65 * GIB, 1));
      memory.putLong(64 * GIB, 42);
      assertEquals(42, memory.getLong(64 * GIB));
    }
  }

  @Test
  void file_holdsWhatTheGuestSees() throws Exception {
    try (GuestRam ram = GuestRam.allocate(3 * GIB + 8192);
        Mapping copy = Mapping.readOnly(ram.file(), 3 * GIB, 8192)) {
      ram.memory().putInt(4 * GIB + 4096, 0x12345678);

      assertEquals(0x12345678, copy.segment().get(ValueLayout.JAVA_INT, 4096));
      assertEquals(3 * GIB, ram.memory().regions().getLast().fileOffset());
    }
  }

  @Test
  void allocate_oddSizesAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> GuestRam.allocate(0));
    assertThrows(IllegalArgumentException.class, () -> GuestRam.allocate(4097));
    assertThrows(IllegalArgumentException.class, () -> GuestRam.allocate(-4096));
  }

  @Test
  void close_laterAccessThrowsInsteadOfCrashing() throws Exception {
    GuestRam ram = GuestRam.allocate(4096);
    ram.close();
    ram.close();

    assertThrows(IllegalStateException.class, () -> ram.memory().getByte(0));
  }

  @Test
  void readOnlyMapping_refusesWrites() throws Exception {
    try (GuestRam ram = GuestRam.allocate(4096);
        Mapping mapping = Mapping.readOnly(ram.file(), 0, 4096)) {
      MemorySegment segment = mapping.segment();

      assertThrows(
          IllegalArgumentException.class, () -> segment.set(ValueLayout.JAVA_BYTE, 0, (byte) 1));
    }
  }

  @Test
  void mapping_ofAClosedFileIsRefused() throws Exception {
    GuestRam ram = GuestRam.allocate(4096);
    ram.close();

    var failure = assertThrows(ErrnoException.class, () -> Mapping.shared(ram.file(), 0, 4096));

    assertEquals("mmap guest RAM: EBADF (Bad file descriptor)", failure.getMessage());
  }
}
