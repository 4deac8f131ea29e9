package org.microvm.machine.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.linux.GuestRam;

class MemoryRunsTest {
  private static final int PAGE = MemoryRuns.PAGE;

  /** The runs of pages, as "first page to page after the last". */
  private static List<String> runs(GuestRam ram) throws IOException {
    List<String> runs = new ArrayList<>();
    MemoryRuns.visit(ram, (_, from, to) -> runs.add("%d-%d".formatted(from / PAGE, to / PAGE)));
    return runs;
  }

  private static MemorySegment memory(GuestRam ram) {
    return ram.memory().regions().getFirst().host();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 7, 8, 1001, PAGE - 1})
  void page_withOneByteThatIsNotZero_isVisited(int at) throws Exception {
    try (GuestRam ram = GuestRam.allocate(4 * PAGE)) {
      memory(ram).fill((byte) 0);
      memory(ram).set(ValueLayout.JAVA_BYTE, 2 * PAGE + at, (byte) 0x80);

      assertEquals(List.of("2-3"), runs(ram));
    }
  }

  @Test
  void pages_ofZeros_areLeftOut_writtenOrNot() throws Exception {
    try (GuestRam ram = GuestRam.allocate(8 * PAGE)) {
      memory(ram).asSlice(0, PAGE).fill((byte) 1);
      memory(ram).asSlice(PAGE, PAGE).fill((byte) 0);
      memory(ram).asSlice(2 * PAGE, 2 * PAGE).fill((byte) 1);
      memory(ram).asSlice(7 * PAGE, PAGE).fill((byte) 1);

      assertEquals(List.of("0-1", "2-4", "7-8"), runs(ram));
    }
  }

  @Test
  void run_isNotLongerThanAMebibyte() throws Exception {
    try (GuestRam ram = GuestRam.allocate(300 * PAGE)) {
      memory(ram).fill((byte) 1);

      assertEquals(List.of("0-256", "256-300"), runs(ram));
    }
  }
}
