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

  /** The JVM writes there that it has too little memory. */
  @Test
  void messageOnStandardOutput_isShown() throws Exception {
    int status = ask("echo '# There is insufficient memory'; echo '# at all'; exit 1");

    assertEquals(1, status);
    assertEquals("# There is insufficient memory\n# at all\n", output());
  }

  @Test
  void signalThatEndsTheProcess_isNamed() throws Exception {
    int status = ask("kill -KILL $$");

    assertEquals(128 + 9, status);
    assertEquals("microvm: the process of the machine was ended by signal 9 (Killed)\n", output());
  }

  private int ask(String script) throws Exception {
    return bash(
        "exec \"$1\" \"$2\" /home run --detach",
        program().toString(),
        launcher(script + "\n").toString());
  }

  private String output() throws Exception {
    return Files.readString(directory.resolve("output"));
  }
}
