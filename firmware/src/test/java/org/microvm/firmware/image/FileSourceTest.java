package org.microvm.firmware.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FileSourceTest {
  private final Arena arena = Arena.ofAuto();

  @TempDir Path directory;

  @Test
  void read_fileTruncatedAfterOpening_isAnErrorAndNoCrash() throws Exception {
    Path file = Files.write(directory.resolve("file"), new byte[10_000]);
    MemorySegment target = arena.allocate(10_000);
    try (FileSource source = FileSource.open(file)) {
      Files.write(file, new byte[5000]);

      var failure = assertThrows(ImageException.class, () -> source.read(0, target));

      assertEquals("is truncated: it ends at byte 5000", failure.getMessage());
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0, 10, true",
    "10, 0, true",
    "9, 1, true",
    "9, 2, false",
    "11, 0, false",
    "0, 11, false",
    "-1, 1, false",
    "1, -1, false",
    "-5, 5, false",
  })
  void holds_range_isWithinTheFile(long offset, long length, boolean held) throws Exception {
    Path file = Files.write(directory.resolve("file"), new byte[10]);
    try (FileSource source = FileSource.open(file)) {
      assertEquals(held, source.holds(offset, length));
    }
  }

  @Test
  void open_namedPipe_doesNotWaitForAWriter() throws Exception {
    Path pipe = directory.resolve("pipe");
    assertEquals(0, new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor());

    var failure = assertThrows(ImageException.class, () -> FileSource.open(pipe));

    assertEquals("is not a regular file", failure.getMessage());
  }
}
