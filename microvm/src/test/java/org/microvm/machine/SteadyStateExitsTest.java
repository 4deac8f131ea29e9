package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.testing.RequiresKvm;

/** How many exits to user space the guest makes while bytes move; independent of the speed. */
@RequiresKvm
@Timeout(120)
class SteadyStateExitsTest {
  private static final long MIB = 1 << 20;
  private static final long BYTES = 64 * MIB;
  private static final double MAX_PER_MIB = 0.01;

  @TempDir private Path directory;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "wait=spin",
        "wait=halt",
        "wait=spin event_idx=on",
        "wait=halt event_idx=on",
      })
  void mappedRegisters_bytesMove_noExits(String words) throws Exception {
    try (EchoHost echo = new EchoHost(directory.resolve("channel"), words, true)) {
      echo.pump(MIB);
      long before = echo.exits();

      echo.pump(BYTES);

      long exits = echo.exits() - before;
      double perMib = (double) exits / (2 * BYTES / MIB);
      assertTrue(perMib <= MAX_PER_MIB, () -> exits + " exits, " + echo.statistics());
    }
  }

  @Test
  void mappedRegisters_haltBetweenMessages_noExits() throws Exception {
    try (EchoHost echo = new EchoHost(directory.resolve("channel"), "wait=halt", true)) {
      echo.roundTrip(0);
      long before = echo.exits();

      for (int i = 1; i <= 1000; i++) {
        echo.roundTrip(i);
      }

      long exits = echo.exits() - before;
      assertTrue(exits == 0, () -> exits + " exits, " + echo.statistics());
    }
  }

  @Test
  void plainRegisters_haltBetweenMessages_exitsAtInterrupts() throws Exception {
    try (EchoHost echo = new EchoHost(directory.resolve("channel"), "wait=halt", false)) {
      echo.roundTrip(0);
      long before = echo.exits();

      for (int i = 1; i <= 100; i++) {
        echo.roundTrip(i);
      }

      long exits = echo.exits() - before;
      assertTrue(exits >= 2, () -> exits + " exits, " + echo.statistics());
    }
  }
}
