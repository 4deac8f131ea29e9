package org.microvm.firmware.tables;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.microvm.firmware.TestGuest;

class MemoryMapTest {
  private static final long GIB = 1L << 30;
  private static final MemoryMap.Entry BASE = ram(0, 0x9e000);
  private static final MemoryMap.Entry EBDA =
      new MemoryMap.Entry(0x9e000, 0x2000, MemoryMap.RESERVED);

  @ParameterizedTest
  @MethodSource("sizes")
  void of_size_coversAllRamButTheEbdaAndTheHoles(long size, List<MemoryMap.Entry> entries) {
    assertEquals(entries, MemoryMap.of(TestGuest.pretendedRam(size), Range.NONE).entries());
  }

  @Test
  void of_acpiTables_haveTheirPages() {
    MemoryMap map = MemoryMap.of(TestGuest.pretendedRam(64 << 20), new Range(0xe0000, 0x1001));

    MemoryMap.Entry tables = new MemoryMap.Entry(0xe0000, 0x2000, MemoryMap.ACPI);
    MemoryMap.Entry generation = new MemoryMap.Entry(0xff000, 0x1000, MemoryMap.RESERVED);
    assertEquals(List.of(BASE, EBDA, tables, generation, ram(0x100000, 0x4000000)), map.entries());
  }

  static List<Arguments> sizes() {
    return List.of(
        Arguments.of(64L << 20, List.of(BASE, EBDA, ram(0x100000, 0x4000000))),
        Arguments.of(3 * GIB - 4096, List.of(BASE, EBDA, ram(0x100000, 0xbffff000L))),
        Arguments.of(3 * GIB, List.of(BASE, EBDA, ram(0x100000, 0xc0000000L))),
        Arguments.of(
            3 * GIB + 4096,
            List.of(BASE, EBDA, ram(0x100000, 0xc0000000L), ram(0x100000000L, 0x100001000L))),
        Arguments.of(
            8 * GIB,
            List.of(BASE, EBDA, ram(0x100000, 0xc0000000L), ram(0x100000000L, 0x240000000L))));
  }

  private static MemoryMap.Entry ram(long start, long end) {
    return new MemoryMap.Entry(start, end - start, MemoryMap.RAM);
  }
}
