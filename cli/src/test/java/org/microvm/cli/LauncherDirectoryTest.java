package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class LauncherDirectoryTest {
  @TempDir private Path directory;

  @Test
  void removedWorkingDirectory_isSaid() throws Exception {
    Path launcher = Path.of(System.getProperty("microvm.home", ".."), "bin/microvm");
    String script = "mkdir gone && cd gone && rmdir ../gone && exec sh \"$0\" list";
    Process process =
        new ProcessBuilder("sh", "-c", script, launcher.toRealPath().toString())
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

    assertEquals(1, process.waitFor());
    String last = output.lines().reduce("", (first, second) -> second);
    assertTrue(last.startsWith("microvm: the working directory no longer exists"), output);
  }
}
