package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The launcher in an environment that is not that of a shell on a terminal. */
@Tag("linux")
@Timeout(60)
class LauncherEnvironmentTest {
  private static final String HAS_NAMESPACES = "unshare -Urm mount -t tmpfs none /proc";

  @TempDir private Path directory;

  /** A distribution with the runtime of this JVM, and without a program. */
  @BeforeEach
  void install() throws IOException {
    Path home = Path.of(System.getProperty("microvm.home", ".."));
    Path launcher = directory.resolve("bin/microvm");
    Files.createDirectories(launcher.getParent());
    Files.createDirectories(directory.resolve("app/lib"));
    Files.createDirectories(directory.resolve("other/bin"));
    Files.copy(home.resolve("bin/microvm"), launcher);
    Files.setPosixFilePermissions(launcher, PosixFilePermissions.fromString("rwxr-xr-x"));
    Files.createSymbolicLink(
        directory.resolve("runtime"), Path.of(System.getProperty("java.home")));
  }

  /** Runs a script in the directory of the distribution; returns its exit status. */
  private int sh(String script) throws Exception {
    return new ProcessBuilder(List.of("sh", "-c", script))
        .directory(directory.toFile())
        .redirectOutput(directory.resolve("output").toFile())
        .redirectError(directory.resolve("errors").toFile())
        .start()
        .waitFor();
  }

  private String output() throws IOException {
    return Files.readString(directory.resolve("output"));
  }

  private String errors() throws IOException {
    return Files.readString(directory.resolve("errors"));
  }

  @Test
  void jvmThatCannotStart_saysSoOnStandardError() throws Exception {
    assertEquals(1, sh("MICROVM_JAVA_OPTIONS=-Xmx1m bin/microvm list"));

    assertEquals("", output());
    assertTrue(errors().startsWith("Error occurred during initialization of VM\n"), errors());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "CDPATH=other bin/microvm list",
        "CDPATH=$PWD/other bin/microvm list",
        "cd bin && sh microvm list"
      })
  void launcher_findsItsDirectory(String script) throws Exception {
    sh(script);

    assertTrue(errors().contains("org.microvm.cli.Main"), errors());
  }

  @Test
  void missingProc_isSaid() throws Exception {
    assumeTrue(sh(HAS_NAMESPACES) == 0, "no mount namespaces for this user");

    assertEquals(1, sh("unshare -Urm sh -c 'mount -t tmpfs none /proc && exec bin/microvm list'"));

    assertEquals("microvm: /proc is not mounted; mount it (mount -t proc proc /proc)\n", errors());
  }
}
