package org.microvm.sandbox;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileRulesTest {
  @TempDir private Path directory;

  private final FileRules rules = new FileRules();

  @Test
  void existingFile_isWrittenWithoutRightsInItsDirectory() throws Exception {
    Path file = Files.createFile(directory.resolve("disk"));

    assertEquals(Map.of(file, FileAccess.WRITE), rules.write(file).paths());
  }

  @Test
  void missingFile_getsItsDirectory() {
    assertEquals(
        Map.of(directory, FileAccess.CREATE), rules.write(directory.resolve("new")).paths());
  }

  @Test
  void linkToAMissingFile_getsTheDirectoryOfTheFileToo() throws Exception {
    Path target = Files.createDirectory(directory.resolve("target"));
    Path links = Files.createDirectory(directory.resolve("links"));
    Path link = Files.createSymbolicLink(links.resolve("log"), target.resolve("log"));

    assertEquals(
        Map.of(links, FileAccess.CREATE, target, FileAccess.CREATE), rules.write(link).paths());
  }

  @Test
  void missingDirectory_getsTheNearestOneAboveIt() {
    assertEquals(
        Map.of(directory, FileAccess.CREATE), rules.create(directory.resolve("a/b")).paths());
  }

  @Test
  void twoRulesForAPath_giveTheGreaterRight() {
    rules.create(directory).read(directory);

    assertEquals(Map.of(directory, FileAccess.CREATE), rules.paths());
  }

  @Test
  void rights_ofEachVersionAreThoseOfItsHeader() {
    assertEquals(0x1fff, FileAccess.known(1));
    assertEquals(0x3fff, FileAccess.known(2));
    assertEquals(0x7fff, FileAccess.known(3));
    assertEquals(0x7fff, FileAccess.known(4));
    assertEquals(0xffff, FileAccess.known(5));
    assertEquals(0xffff, FileAccess.known(7));
  }

  @Test
  void noAccess_includesExecutingOrDevicesOrSymbolicLinks() {
    long execute = 1;
    long makeChar = 1 << 6;
    long makeBlock = 1 << 11;
    long makeSymbolicLink = 1 << 12;

    for (FileAccess access : FileAccess.values()) {
      assertEquals(0, access.rights() & (execute | makeChar | makeBlock | makeSymbolicLink));
    }
  }
}
