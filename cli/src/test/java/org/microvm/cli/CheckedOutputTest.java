package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Standard output that takes no more, or that was closed. */
@Timeout(120)
class CheckedOutputTest {
  @TempDir private Path directory;

  @Test
  void output_thatFails_makesTheCommandFail() throws IOException {
    CheckedOutput checked = new CheckedOutput(new FileOutputStream("/dev/full"));
    PrintStream stream = new PrintStream(checked, true, StandardCharsets.UTF_8);

    stream.println("text");

    assertEquals(Main.FAILED, checked.status(0));
    assertEquals(7, checked.status(7));
  }

  @Test
  void output_thatIsTaken_leavesTheStatus() throws IOException {
    CheckedOutput checked = new CheckedOutput(new FileOutputStream("/dev/null"));
    new PrintStream(checked, true, StandardCharsets.UTF_8).println("text");

    assertEquals(0, checked.status(0));
  }

  /** Runs a script of bash, and returns its exit status and what it wrote to standard error. */
  private String bash(String script, String... arguments) throws Exception {
    Path errors = directory.resolve("errors");
    List<String> command = new ArrayList<>(List.of("bash", "-c", script, "bash"));
    command.addAll(List.of(arguments));
    Process process = new ProcessBuilder(command).redirectError(errors.toFile()).start();
    if (!process.waitFor(60, TimeUnit.SECONDS)) {
      process.destroyForcibly();
    }
    return (process.exitValue() + " " + Files.readString(errors).strip()).strip();
  }

  @ParameterizedTest
  @Tag("linux")
  @CsvSource(
      delimiter = ';',
      textBlock =
          """
          > /dev/full; 1 microvm: standard output cannot be written to: No space left on device
          | true;      141
          > /dev/null; 0
          """)
  void shell_seesWhatBecameOfTheOutput(String redirection, String expected) throws Exception {
    String run = "\"$1\" -XX:TieredStopAtLevel=1 -cp \"$2\" org.microvm.cli.Main list --help ";

    assertEquals(
        expected,
        bash(
            run + redirection + "; exit ${PIPESTATUS[0]}",
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            System.getProperty("java.class.path")));
  }

  /** The JVM would open its own files with the numbers of closed streams. */
  @Test
  @Tag("linux")
  void launcher_givesClosedStreamsAPlace() throws Exception {
    Path launcher = directory.resolve("bin/microvm");
    Path java = directory.resolve("runtime/bin/java");
    Files.createDirectories(launcher.getParent());
    Files.createDirectories(java.getParent());
    Files.createDirectories(directory.resolve("app/lib"));
    Files.copy(Path.of(System.getProperty("microvm.home", "..")).resolve("bin/microvm"), launcher);
    Files.writeString(
        java,
        "#!/bin/sh\nfor last; do :; done\n"
            + "streams=$(readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2)\n"
            + "echo \"$streams\" >\"$last\"\n");
    Files.setPosixFilePermissions(java, PosixFilePermissions.fromString("rwxr-xr-x"));
    Path streams = directory.resolve("streams");

    assertEquals(
        "0", bash("sh \"$1\" \"$2\" <&- >&- 2>&-", launcher.toString(), streams.toString()));
    assertEquals(List.of("/dev/null", "/dev/null", "/dev/null"), Files.readAllLines(streams));
  }
}
