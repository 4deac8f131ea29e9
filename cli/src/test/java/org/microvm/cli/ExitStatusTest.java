package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import org.junit.jupiter.api.Test;
import org.microvm.machine.config.MachineEnd;

class ExitStatusTest {
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private int of(MachineEnd end) {
    return ExitStatus.of(end, new PrintStream(err, true));
  }

  @Test
  void orderlyEnds_areSuccessAndSilent() {
    assertEquals(0, of(new MachineEnd.PowerOff()));
    assertEquals(0, of(new MachineEnd.Reset("i8042")));
    assertEquals(0, of(new MachineEnd.Stopped()));
    assertEquals(0, of(new MachineEnd.Migrated()));
    assertEquals("", err.toString());
  }

  @Test
  void debugExit_hasItsStatus() {
    assertEquals(7, of(new MachineEnd.DebugExit(7)));
  }

  @Test
  void panic_isNoSuccessAndSaysWhy() {
    assertEquals(112, of(new MachineEnd.Panicked("Kernel panic - not syncing: x", "how")));
    assertEquals(
        "microvm: the guest has panicked (how): Kernel panic - not syncing: x\n", err.toString());
  }

  @Test
  void panic_withoutMessage_saysHowItIsKnown() {
    assertEquals(112, of(new MachineEnd.Panicked("", "how")));
    assertEquals("microvm: the guest has panicked (how)\n", err.toString());
  }

  @Test
  void tripleFault_hasItsOwnStatusAndReport() {
    assertEquals(114, of(new MachineEnd.TripleFault("report")));
    assertEquals("microvm: report\n", err.toString());
  }

  @Test
  void halt_hasItsOwnStatusAndReport() {
    assertEquals(116, of(new MachineEnd.Halted("report")));
    assertEquals("microvm: report\n", err.toString());
  }

  @Test
  void resetLoop_hasItsOwnStatusAndOneLine() {
    assertEquals(118, of(new MachineEnd.ResetLoop(10, "i8042")));
    assertEquals(1, err.toString().lines().count());
  }

  @Test
  void failure_is1WithItsReport() {
    assertEquals(1, of(new MachineEnd.Failed("report")));
    assertEquals("microvm: report\n", err.toString());
  }
}
