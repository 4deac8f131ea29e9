package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.config.MachineStatistics;
import org.microvm.machine.config.OnReset;
import org.microvm.testing.RequiresKvm;

/** Runs bare-metal guests from power-on to their end; each guest does one thing. */
@RequiresKvm
@Timeout(60)
class BareMetalTest {
  /** The output of the guest that reads the 8259s if no line is unmasked. */
  private static final String PIC_MASKED = "masks 0xff 0xff, interrupts 0";

  private final ConsoleText console = new ConsoleText();
  private Machine machine;

  @AfterEach
  void close() {
    if (machine != null) {
      machine.close();
    }
  }

  private void start(MachineConfig.Builder config) throws MachineException {
    machine = Machine.create(config.console(console).build());
    machine.start();
  }

  private static MachineConfig.Builder guest(String name, String words) {
    return MachineConfig.builder(TestImages.bareMetal(name)).memory(16 << 20).commandLine(words);
  }

  private MachineEnd end() throws Exception {
    return machine.end().get(30, TimeUnit.SECONDS);
  }

  @Test
  void hello_printsAndEndsByTheDebugExitPort() throws Exception {
    start(guest("hello", "exit=3"));

    assertEquals(new MachineEnd.DebugExit(7), end());
    machine.close();
    assertEquals("hello from bare metal\n", console.toString().replace("\r", ""));
  }

  @Test
  void powerOffPort_endsAsPowerOff() throws Exception {
    start(guest("hello", "end=poweroff"));

    assertEquals(new MachineEnd.PowerOff(), end());
  }

  @Test
  void keyboardReset_endsAsReset() throws Exception {
    start(guest("hello", "end=reset"));

    assertInstanceOf(MachineEnd.Reset.class, end());
  }

  @Test
  void reset_withRestart_bootsAgainOnClearedMemory() throws Exception {
    start(guest("hello", "end=reset").onReset(OnReset.RESTART).resetLimit(0));

    console.await("bare metal\r\nhello from bare metal".replace("\r", ""), 30);
    machine.stop();

    assertEquals(new MachineEnd.Stopped(), end());
    assertTrue(machine.statistics().resets() >= 1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"pf", "ud2", "int3"})
  void tripleFault_isReportedWithPlaceAndMode(String how) throws Exception {
    start(guest("triple-fault", "how=" + how));

    String report = assertInstanceOf(MachineEnd.TripleFault.class, end()).report();

    assertTrue(report.startsWith("the guest triple-faulted"), report);
    assertTrue(
        report.contains("64-bit mode, CPL 0, paging on") && report.contains("rip ")
            // On AMD processors KVM knows neither.
            || report.contains("KVM reset the registers"),
        report);
  }

  @ParameterizedTest
  @CsvSource({"halt,''", "spin,cpl=0", "spin,cpl=3"})
  void stop_endsAGuestThatDoesNotEnd(String name, String words) throws Exception {
    start(guest(name, words));
    console.await("ing", 30);

    machine.stop();

    assertEquals(new MachineEnd.Stopped(), end());
  }

  @ParameterizedTest
  @CsvSource({
    "int3,'ok x 5, breakpoints 5'",
    "fwait,ok x 5",
    "stac,ok x 5",
    "clac,ok x 5",
    "popcnt,ok x 5",
    "cmpxchg16b,ok x 5"
  })
  void instructionsThatAnEmulatingHostLacks_areFinished(String name, String outcome)
      throws Exception {
    start(guest("bad-instruction", "count=5 insn=" + name));

    assertEquals(new MachineEnd.DebugExit(1), end());
    machine.close();
    assertTrue(console.toString().contains("insn=" + name + " " + outcome), console.toString());
  }

  @Test
  void systemCalls_fromUserMode_reachTheKernelAndReturn() throws Exception {
    start(guest("system-call", "count=100"));

    assertEquals(new MachineEnd.DebugExit(1), end(), console::toString);
    machine.close();
    assertTrue(console.toString().contains("system calls 100"), console.toString());
  }

  @ParameterizedTest
  @CsvSource({"16,15", "64,63", "3072,3071", "3073,3072", "5120,5119"})
  void memory_isAsLargeAsAskedFor(long mebibytes, String usable) throws Exception {
    HostMemory.assumeRoomFor(mebibytes);
    start(guest("memory", "").memory(mebibytes << 20));

    assertEquals(new MachineEnd.DebugExit(1), end());
    machine.close();
    assertTrue(console.toString().contains("memory ok, " + usable), console.toString());
  }

  @Test
  void interruptControllers_atPowerOn_areMasked() throws Exception {
    start(guest("pic", ""));

    assertEquals(new MachineEnd.DebugExit(1), end());
    machine.close();
    assertEquals(PIC_MASKED, console.toString().strip());
  }

  @Test
  void interruptControllers_afterAReset_areMaskedAgain() throws Exception {
    start(guest("pic", "end=reset").onReset(OnReset.RESTART).resetLimit(0));

    console.await(PIC_MASKED, 2, 30);
  }

  @Test
  void exits_areCountedByReasonAndPort() throws Exception {
    start(guest("hello", ""));
    end();
    machine.close();

    MachineStatistics.Vcpu vcpu = machine.statistics().vcpus().getFirst();

    assertTrue(vcpu.exitsByPort().get(0x3f8L) >= "hello from bare metal".length());
    assertEquals(1, vcpu.exitsByPort().get(0xf4L));
    assertEquals(vcpu.exits(), vcpu.exitsByReason().get("IO"));
  }

  @Test
  void close_leavesNoThreadBehind() throws Exception {
    // A machine that other tests share may also be running.
    Set<Thread> before = machineThreads();
    start(guest("spin", ""));
    console.await("spinning", 30);
    assertNotEquals(before, machineThreads());

    machine.close();

    assertEquals(before, machineThreads());
  }

  private static Set<Thread> machineThreads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(
            thread ->
                thread.getName().matches("vcpu-.*|machine|event-loop|console-output|blk-.*|qmp.*"))
        .collect(Collectors.toSet());
  }

  @Test
  void stop_beforeStart_neverRunsTheGuest() throws Exception {
    machine = Machine.create(guest("hello", "").console(console).build());
    machine.stop();
    machine.start();

    assertEquals(new MachineEnd.Stopped(), end());
    assertEquals("", console.toString());
  }
}
