package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WorkingDirectoryTest {
  @TempDir private Path directory;

  @Test
  void nameWithReplacedBytes_isRefused() {
    String name = directory.resolve("d\uFFFD").toString();

    assertFalse(WorkingDirectory.isNameOf(name, directory));
    assertTrue(WorkingDirectory.isNameOf(directory.toString(), directory));
  }

  @Test
  void otherDirectoryOfTheReplacedName_isRefusedToo() throws Exception {
    Path other = Files.createDirectory(directory.resolve("d\uFFFD"));

    assertFalse(WorkingDirectory.isNameOf(other.toString(), directory));
    assertTrue(WorkingDirectory.isNameOf(other.toString(), other));
  }

  /** The paths went into a directory of another name, with status 0. */
  @Test
  void commandInSuchADirectory_writesNothingElsewhere() throws Exception {
    Process process =
        new ProcessBuilder(
                "sh",
                "-c",
                "d=$(printf 'd\\376') && mkdir \"$d\" && cd \"$d\" && exec \"$0\" -cp \"$1\""
                    + " org.microvm.cli.Main run --kernel k --exit-stats s",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                System.getProperty("java.class.path"))
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .start();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

    assertEquals(Main.USAGE, process.waitFor(), text);
    assertTrue(text.contains("the working directory is not UTF-8"), text);
    assertFalse(Files.exists(directory.resolve("d\uFFFD")));
  }
}
