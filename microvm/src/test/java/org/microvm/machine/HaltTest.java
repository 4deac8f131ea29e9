package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.OnHalt;
import org.microvm.machine.config.OnReset;
import org.microvm.testing.RequiresKvm;

/** Guests that halt permanently, and guests that are reset again and again. */
@RequiresKvm
@Timeout(60)
class HaltTest {
  private final ConsoleText console = new ConsoleText();
  private Machine machine;

  @AfterEach
  void close() {
    machine.close();
  }

  private static MachineConfig.Builder guest(String name, String words) {
    return MachineConfig.builder(TestImages.bareMetal(name)).memory(16 << 20).commandLine(words);
  }

  private void start(MachineConfig.Builder config) throws Exception {
    machine = Machine.create(config.console(console).build());
    machine.start();
  }

  private MachineEnd end() throws Exception {
    return machine.end().get(30, TimeUnit.SECONDS);
  }

  @Test
  void halt_withInterruptsOff_isTheEnd() throws Exception {
    start(guest("halt", ""));

    String report = assertInstanceOf(MachineEnd.Halted.class, end()).report();

    assertTrue(report.startsWith("the guest has halted"), report);
    assertTrue(report.contains("vcpu 0 at RIP 0x"), report);
  }

  @Test
  void halt_afterAPanicMessage_isAPanic() throws Exception {
    start(guest("panic", "report=none message=1 end=halt"));

    assertInstanceOf(MachineEnd.Panicked.class, end());
  }

  @Test
  void halt_ignored_leavesTheMachineToItsHost() throws Exception {
    start(guest("halt", "").onHalt(OnHalt.IGNORE));
    console.await("halting", 30);
    machine.reset();
    console.await("halting", 2, 30);

    assertFalse(machine.end().isDone());
    machine.stop();
    assertEquals(new MachineEnd.Stopped(), end());
  }

  @Test
  void resets_tooManyInARow_areTheEnd() throws Exception {
    start(guest("hello", "end=reset").onReset(OnReset.RESTART).resetLimit(3));

    MachineEnd.ResetLoop loop = assertInstanceOf(MachineEnd.ResetLoop.class, end());

    assertEquals(new MachineEnd.ResetLoop(3, "i8042"), loop);
    machine.close();
    assertEquals(3, console.toString().split("hello from", -1).length - 1);
  }

  @Test
  void tripleFaults_withRestart_areALoop() throws Exception {
    start(guest("triple-fault", "").onReset(OnReset.RESTART).resetLimit(2));

    assertEquals(new MachineEnd.ResetLoop(2, "triple fault"), end());
  }
}
