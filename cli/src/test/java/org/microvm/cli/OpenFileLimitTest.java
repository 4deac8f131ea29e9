package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.testing.ChildJvm;
import org.microvm.testing.RequiresKvm;

@Timeout(60)
class OpenFileLimitTest {
  private static final String HEAD = "Limit                     Soft Limit           Hard Limit\n";
  private static final String LOW = HEAD + "Max open files            64                   64\n";
  private static final String HIGH =
      HEAD + "Max open files            524288               524288\n";
  private static final String NONE =
      HEAD + "Max open files            unlimited            unlimited\n";

  @Test
  void classThatIsMissing_isExplainedByALowLimit() {
    assertEquals(
        "too many open files, at most 64: raise the limit of open files (ulimit -n)",
        OpenFileLimit.reason(new NoClassDefFoundError("org/microvm/cli/DiskRetry"), LOW));
  }

  @Test
  void cause_isFoundWithAHighLimit() {
    Error error = new ExceptionInInitializerError(new IOException("Too many open files"));

    assertEquals(
        "too many open files: raise the limit of open files (ulimit -n)",
        OpenFileLimit.reason(error, HIGH));
    assertEquals(
        "too many open files: raise the limit of open files (ulimit -n)",
        OpenFileLimit.reason(error, NONE));
  }

  @Test
  void otherErrors_areNotExplained() {
    assertNull(OpenFileLimit.reason(new NoClassDefFoundError("org/microvm/cli/DiskRetry"), HIGH));
    assertNull(OpenFileLimit.reason(new AssertionError("of this test")));
  }

  /** At each of these limits, something else is the first that cannot be opened. */
  @RequiresKvm
  @ParameterizedTest
  @ValueSource(ints = {32, 40, 48, 64, 80})
  void processThatMayOpenFewFiles_hasNoStackTrace(int limit, @TempDir Path directory)
      throws Exception {
    Path home = Path.of(System.getProperty("microvm.home", ".."));
    Path guest = home.resolve("test-images/target/bare-metal/hello");
    List<String> command =
        new ArrayList<>(List.of("sh", "-c", "ulimit -n " + limit + "; exec \"$@\"", "sh"));
    command.addAll(
        ChildJvm.command(
            Main.class, "run", "--name", "few", "--no-console", "--kernel", guest.toString()));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("XDG_RUNTIME_DIR", directory.toString());

    Process process = builder.start();

    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertFalse(output.contains("\tat "), output);
    assertTrue(
        output.isEmpty() || output.toLowerCase(Locale.ROOT).contains("too many open files"),
        output);
    assertEquals(1, process.waitFor(), "also what the guest writes to the debug exit port");
  }
}
