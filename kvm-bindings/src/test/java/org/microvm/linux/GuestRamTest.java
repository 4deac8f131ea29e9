package org.microvm.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
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
  void coreDump_hasNoneOfIt_alsoNotAfterAdopt() throws Exception {
    try (GuestRam ram = GuestRam.allocate(8192)) {
      assertTrue(isLeftOutOfDumps(ram));

      ram.adopt(GuestRam.allocate(8192).file());

      assertTrue(isLeftOutOfDumps(ram));
    }
  }

  /** Whether the mapping has VM_DONTDUMP, "dd" in smaps. */
  private static boolean isLeftOutOfDumps(GuestRam ram) throws Exception {
    String start = Long.toHexString(ram.memory().regions().getFirst().host().address()) + "-";
    boolean found = false;
    for (String line : Files.readAllLines(Path.of("/proc/self/smaps"))) {
      found = line.startsWith(start) || found;
      if (found && line.startsWith("VmFlags:")) {
        return line.contains(" dd");
      }
    }
    throw new AssertionError("no mapping at " + start);
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
  void clear_makesZerosAndGivesThePagesBack() throws Exception {
    try (GuestRam ram = GuestRam.allocate(8192)) {
      ram.memory().putLong(4096, 42);

      ram.clear();

      assertEquals(-1, SparseFile.nextData(ram.file(), 0));
      assertEquals(0, ram.memory().getLong(4096));
    }
  }

  @Test
  void allocate_cannotBeMadeShorter() throws Exception {
    try (GuestRam ram = GuestRam.allocate(8192)) {
      var failure = assertThrows(ErrnoException.class, () -> ram.file().resize(4096));

      assertEquals(Errno.EPERM, failure.errno());
    }
  }

  @Test
  void adopt_bothSeeTheSameAtTheOldAddresses() throws Exception {
    long size = 3 * GIB + 8192;
    try (GuestRam from = GuestRam.allocate(size);
        GuestRam to = GuestRam.allocate(size)) {
      from.memory().putLong(4096, 1);
      from.memory().putLong(4 * GIB + 4096, 2);
      to.memory().putLong(4096, 3);
      MemorySegment before = to.memory().regions().getFirst().host();

      to.adopt(from.file().duplicate());

      assertEquals(1, to.memory().getLong(4096));
      assertEquals(2, to.memory().getLong(4 * GIB + 4096));
      to.memory().putLong(4 * GIB, 5);
      assertEquals(5, from.memory().getLong(4 * GIB));
      assertEquals(before, to.memory().regions().getFirst().host());
      assertTrue(to.isAnonymous());
    }
  }

  @Test
  void adopt_outlivesTheFormerOwner() throws Exception {
    try (GuestRam to = GuestRam.allocate(8192)) {
      try (GuestRam from = GuestRam.allocate(8192)) {
        from.memory().putLong(4096, 7);
        to.adopt(from.file().duplicate());
      }

      assertEquals(7, to.memory().getLong(4096));
      to.clear();
      assertEquals(0, to.memory().getLong(4096));
    }
  }

  @Test
  void adopt_anotherSizeIsRefusedAndNothingChanges() throws Exception {
    try (GuestRam from = GuestRam.allocate(4096);
        GuestRam to = GuestRam.allocate(8192)) {
      to.memory().putLong(0, 9);
      Fd file = from.file().duplicate();

      var failure = assertThrows(ErrnoException.class, () -> to.adopt(file));

      assertTrue(
          failure.getMessage().contains("it has 4096 bytes, this machine's RAM has 8192"),
          failure::toString);
      assertFalse(file.isOpen());
      assertEquals(9, to.memory().getLong(0));
    }
  }

  @Test
  void adopt_fileThatCanShrinkIsRefused(@TempDir Path directory) throws Exception {
    try (GuestRam to = GuestRam.allocate(4096)) {
      Fd file = Fd.open(directory.resolve("ram"), Fd.READ_WRITE, Fd.CREATE);
      file.resize(4096);

      var failure = assertThrows(ErrnoException.class, () -> to.adopt(file));

      assertTrue(failure.getMessage().contains("could be made shorter"), failure::toString);
    }
  }

  @Test
  void detach_laterWritesDoNotReachTheOtherProcess() throws Exception {
    try (GuestRam from = GuestRam.allocate(8192);
        GuestRam to = GuestRam.allocate(8192)) {
      from.memory().putLong(4096, 1);
      to.adopt(from.file().duplicate());

      from.detach();
      from.memory().putLong(4096, 2);

      assertEquals(1, to.memory().getLong(4096));
      assertEquals(0, from.memory().getLong(0));
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
