package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.testing.ChildJvm;
import org.microvm.testing.RequiresKvm;

/** In processes of their own, because a process warms up once. */
@RequiresKvm
@Timeout(60)
class WarmUpOptionTest {
  private static final String WARM = "the warm-up of channels took";
  private static final String FAILED = "the warm-up of channels failed";

  /** What the guest writes to the debug exit port. */
  private static final int STATUS = 1;

  private int status;

  /** Runs a guest, and returns the log. */
  private String log(String... option) throws Exception {
    Path home = Path.of(System.getProperty("microvm.home", ".."));
    Path hello = home.resolve("test-images/target/bare-metal/hello");
    List<String> command =
        ChildJvm.command(
            List.of("-Dmicrovm.log=DEBUG"),
            Main.class,
            "run",
            "--no-console",
            "--kernel",
            hello.toString());
    command.addAll(List.of(option));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String log = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    status = process.waitFor();
    return log;
  }

  @Test
  void machineRunsAfterTheWarmUp() throws Exception {
    String log = log("--warm-up");

    assertTrue(log.contains(WARM), log);
    assertFalse(log.contains(FAILED), log);
    assertEquals(STATUS, status, log);
  }

  @Test
  void withoutTheOption_thereIsNoWarmUp() throws Exception {
    String log = log();

    assertFalse(log.contains(WARM), log);
    assertEquals(STATUS, status, log);
  }
}
