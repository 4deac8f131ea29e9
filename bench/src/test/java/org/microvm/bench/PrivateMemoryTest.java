package org.microvm.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** The private memory of a process, as proc(5) describes smaps. */
class PrivateMemoryTest {
  private static final String SMAPS =
      """
      7f0000000000-7f0008000000 rw-p 00000000 00:2f 17                         /tmp/a b/memory
      Size:             131072 kB
      Private_Clean:         4 kB
      Private_Dirty:       100 kB
      VmFlags: rd wr mr mw me nr dd
      7f0010000000-7f0010021000 rw-p 00000000 00:00 0\s
      Private_Clean:         0 kB
      Private_Dirty:        12 kB
      7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0                          [stack]
      Private_Dirty:         8 kB
      Private_Hugetlb:       0 kB
      """;

  @Test
  void of_mappingsOfTheFile_areCountedApart() {
    PrivateMemory memory = PrivateMemory.of(SMAPS, Path.of("/tmp/a b/memory"));
    assertEquals(new PrivateMemory(104 << 10, 20 << 10), memory);
  }

  @Test
  void of_anotherFile_hasNone() {
    PrivateMemory memory = PrivateMemory.of(SMAPS, Path.of("/tmp/memory"));
    assertEquals(new PrivateMemory(0, 124 << 10), memory);
  }
}
