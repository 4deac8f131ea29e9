package org.microvm.profile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.machine.ConsoleText;
import org.microvm.machine.Machine;
import org.microvm.machine.TestImages;
import org.microvm.machine.config.GuestSample;
import org.microvm.machine.config.MachineConfig;
import org.microvm.testing.RequiresKvm;

/** Samples of a guest that runs a known loop. */
@RequiresKvm
@Timeout(60)
class GuestSampleTest {
  @Test
  void spinningGuest_isSeenInItsLoopAtItsLevel() throws Exception {
    SymbolTable symbols = SymbolTable.read(TestImages.bareMetal("bench"));
    BlockingQueue<GuestSample> samples = new LinkedBlockingQueue<>();
    ConsoleText console = new ConsoleText();
    MachineConfig config =
        MachineConfig.builder(TestImages.bareMetal("bench"))
            .memory(16 << 20)
            .commandLine("mode=uart bytes=1000000000")
            .console(console)
            .build();
    try (Machine machine = Machine.create(config)) {
      machine.start();
      console.await("bench ready\nabcdef", 30);

      machine.sample(samples::add);
      GuestSample sample = samples.poll(30, TimeUnit.SECONDS);

      assertEquals(3, sample.privilegeLevel());
      String where = symbols.find(sample.addresses()[0]).orElse("nowhere");
      // The compiler may have inlined the loop into its caller.
      assertTrue(where.equals("uart") || where.equals("write_to_uart"), where);
    }
  }
}
