package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.testing.RequiresKvm;

/**
 * An interrupt that arrives while the handler of the previous one runs waits for the handler's end.
 */
@RequiresKvm
@Timeout(60)
class TimerInterruptTest {
  private final ConsoleText console = new ConsoleText();

  @Test
  void timerInterrupt_whileItsHandlerRuns_waits() throws Exception {
    try (Machine machine =
        Machine.create(
            MachineConfig.builder(TestImages.bareMetal("interrupt-once"))
                .memory(16 << 20)
                .console(console)
                .build())) {
      machine.start();

      assertEquals(new MachineEnd.DebugExit(1), machine.end().get(30, TimeUnit.SECONDS));
    }
    assertEquals("interrupts 10, during their handler 0", console.toString().strip());
  }
}
