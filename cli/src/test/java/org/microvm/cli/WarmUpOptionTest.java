package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.microvm.testing.RequiresKvm;

@RequiresKvm
class WarmUpOptionTest {
  @Test
  void machineRunsAfterTheWarmUp() {
    Path hello =
        Path.of(System.getProperty("microvm.home", ".."), "test-images/target/bare-metal/hello");
    StringWriter err = new StringWriter();

    int status =
        Main.execute(
            new PrintWriter(err, true),
            "run",
            "--warm-up",
            "--no-console",
            "--kernel",
            hello.toString());

    assertEquals("", err.toString());
    assertEquals(1, status, "what the guest writes to the debug exit port");
  }
}
