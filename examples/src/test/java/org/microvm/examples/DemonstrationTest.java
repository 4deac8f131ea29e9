package org.microvm.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.testing.RequiresKvm;

/** The demonstrations that {@code examples/run} starts. */
@RequiresKvm
@Tag("linux")
@Timeout(300)
class DemonstrationTest {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);

  @Test
  void fencing_endsOneMachineAndNotTheOther() throws Exception {
    FencingDemo.run(out);

    assertEquals(
        """
        in a: fence a: REFUSED a may not fence that
        in a: fence b: OK b is off
        b's process has ended: true
        a's process has ended: false
        """,
        bytes.toString(StandardCharsets.UTF_8));
  }
}
