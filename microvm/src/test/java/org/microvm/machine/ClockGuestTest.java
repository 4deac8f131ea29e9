package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.testing.RequiresKvm;

/** The interrupts of the CMOS clock reach a guest. */
@RequiresKvm
@Timeout(60)
class ClockGuestTest {
  private static final String RESULTS = "updates\nalarm\nset\n";

  private String run(String words) throws Exception {
    ConsoleText console = new ConsoleText();
    MachineConfig config =
        MachineConfig.builder(TestImages.bareMetal("clock"))
            .memory(16 << 20)
            .commandLine(words)
            .console(console)
            .build();
    try (Machine machine = Machine.create(config)) {
      machine.start();
      assertEquals(
          new MachineEnd.DebugExit(1), machine.end().get(30, TimeUnit.SECONDS), console::toString);
    }
    return console.toString();
  }

  @Test
  void guest_getsUpdatesAndAlarmsAndSetsTheTime() throws Exception {
    assertEquals(RESULTS, run(""));
  }
}
