package org.microvm.cli.serve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** {@code microvm-ask} where no server runs; a script takes the launcher's place. */
@Tag("linux")
@Timeout(60)
class AskProgramTest {
  @TempDir private Path directory;

  /** Runs a script of bash, because dash does not pass on that SIGCHLD is ignored. */
  private int bash(String script, String... words) throws Exception {
    ProcessBuilder builder = new ProcessBuilder("bash", "-c", script, "bash");
    builder.command().addAll(List.of(words));
    builder.environment().put("XDG_RUNTIME_DIR", directory.toString());
    File output = directory.resolve("output").toFile();
    return builder.redirectErrorStream(true).redirectOutput(output).start().waitFor();
  }

  private Path program() throws Exception {
    Path source = Path.of(System.getProperty("microvm.home", "..")).resolve("cli/src/main/c/ask.c");
    Path program = directory.resolve("microvm-ask");
    assumeTrue(bash("command -v cc") == 0, "no C compiler");
    assertEquals(0, bash("cc -o \"$1\" \"$2\"", program.toString(), source.toString()));
    return program;
  }

  private Path launcher(String text) throws Exception {
    Path launcher = Files.writeString(directory.resolve("launcher"), "#!/bin/sh\n" + text);
    return Files.setPosixFilePermissions(launcher, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  @Test
  void callerThatIgnoresSigchld_getsTheStatus() throws Exception {
    int status =
        bash(
            "trap '' CHLD; exec \"$1\" \"$2\" /home run --detach",
            program().toString(),
            launcher("exit 2\n").toString());

    assertEquals(2, status);
  }
}
