package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * The guest kernel's patches, which make it boot fast on hosts that emulate it; its drivers are
 * Debian's.
 */
class KernelPatchesTest {
  private static final String PATCHED_FILE = "+++ b/";

  private static List<String> patchedFiles() throws IOException {
    Path patches =
        Path.of(System.getProperty("microvm.home", ".."), "test-images", "kernel", "patches");
    try (Stream<Path> files = Files.list(patches)) {
      return files.flatMap(KernelPatchesTest::lines).toList();
    }
  }

  private static Stream<String> lines(Path patch) {
    try {
      return Files.readAllLines(patch).stream()
          .filter(line -> line.startsWith(PATCHED_FILE))
          .map(line -> line.substring(PATCHED_FILE.length()));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void patches_leaveAllDriversAlone() throws IOException {
    assertFalse(patchedFiles().isEmpty());
    assertEquals(
        List.of(), patchedFiles().stream().filter(file -> file.startsWith("drivers/")).toList());
  }
}
