package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.config.OnPanic;
import org.microvm.machine.config.OnReset;
import org.microvm.testing.RequiresKvm;

/** A bare-metal guest that panics, as a kernel does with and without pvpanic. */
@RequiresKvm
@Timeout(60)
class PanicTest {
  private static final String MESSAGE = "Kernel panic - not syncing: a test of it";

  private final ConsoleText console = new ConsoleText();
  private final BlockingQueue<String> events = new LinkedBlockingQueue<>();
  private Machine machine;

  @AfterEach
  void close() {
    machine.close();
  }

  private void start(String words, OnPanic onPanic, OnReset onReset) throws MachineException {
    machine =
        Machine.create(
            MachineConfig.builder(TestImages.bareMetal("panic"))
                .memory(16 << 20)
                .commandLine(words)
                .onPanic(onPanic)
                .onReset(onReset)
                .resetLimit(0)
                .console(console)
                .build());
    machine.addListener(new Recorder());
    machine.start();
  }

  private final class Recorder implements MachineListener {
    @Override
    public void paused() {
      events.add("paused");
    }

    @Override
    public void panicked(MachineEnd.Panicked panic, OnPanic action) {
      events.add("panicked, " + action);
    }

    @Override
    public void crashKernelLoaded() {
      events.add("crash kernel");
    }

    @Override
    public void reset(MachineEnd.Reset how, boolean byHost) {
      events.add("reset");
    }
  }

  private MachineEnd end() throws Exception {
    return machine.end().get(30, TimeUnit.SECONDS);
  }

  private String event() throws InterruptedException {
    return events.poll(30, TimeUnit.SECONDS);
  }

  @Test
  void port_endsAtOnceWithTheMessageOfTheConsole() throws Exception {
    start("message=1", OnPanic.EXIT, OnReset.RESTART);

    assertEquals(new MachineEnd.Panicked(MESSAGE, "reported at the pvpanic port"), end());
    assertEquals(List.of("panicked, EXIT"), List.copyOf(events));
    machine.close();
    assertFalse(console.toString().contains("after the report"), console.toString());
    assertFalse(console.toString().contains("no pvpanic"), console.toString());
  }

  @ParameterizedTest
  @CsvSource({"reset,reset by i8042", "fault,triple fault", "poweroff,power-off"})
  void withoutPort_messageOnTheConsoleThenTheEnd_isAPanic(String how, String known)
      throws Exception {
    start("report=none message=1 end=" + how, OnPanic.EXIT, OnReset.EXIT);

    assertEquals(
        new MachineEnd.Panicked(MESSAGE, known + " after a panic message on the console"), end());
    assertEquals(List.of("panicked, EXIT"), List.copyOf(events));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "message=quoted"})
  void reset_withoutPanic_isAReset(String words) throws Exception {
    start("report=none " + words, OnPanic.EXIT, OnReset.EXIT);

    assertInstanceOf(MachineEnd.Reset.class, end());
    assertEquals(List.of(), List.copyOf(events));
  }

  @Test
  void debugExit_afterAMessage_keepsItsStatus() throws Exception {
    start("report=none message=1 end=exit", OnPanic.EXIT, OnReset.EXIT);

    assertEquals(new MachineEnd.DebugExit(1), end());
  }

  @ParameterizedTest
  @ValueSource(strings = {"reset", "poweroff"})
  void crashKernel_runsAndItsEndIsAPanic(String how) throws Exception {
    start("report=crash end=" + how, OnPanic.EXIT, OnReset.EXIT);

    String known = assertInstanceOf(MachineEnd.Panicked.class, end()).how();

    assertTrue(known.endsWith("after a crash kernel took over"), known);
    assertEquals(List.of("crash kernel", "panicked, EXIT"), List.copyOf(events));
    machine.close();
    assertTrue(console.toString().contains("after the report"), console.toString());
  }

  @Test
  void restart_bootsAgain() throws Exception {
    start("", OnPanic.RESTART, OnReset.EXIT);

    assertEquals("panicked, RESTART", event());
    assertEquals("reset", event());
    assertEquals("panicked, RESTART", event());
    machine.stop();
  }

  @Test
  void pause_stopsTheGuestAtThePort_andStoppingItIsAPanic() throws Exception {
    start("message=1", OnPanic.PAUSE, OnReset.EXIT);

    assertEquals("panicked, PAUSE", event());
    assertEquals("paused", event());
    assertTrue(machine.isPanicked());
    assertTrue(machine.isPaused());
    assertFalse(console.toString().contains("after the report"), console.toString());
    machine.stop();

    assertEquals(new MachineEnd.Panicked(MESSAGE, "stopped by the host afterwards"), end());
    assertEquals(List.of(), List.copyOf(events));
  }

  @Test
  void pause_resumed_continuesAfterThePort() throws Exception {
    start("end=exit", OnPanic.PAUSE, OnReset.EXIT);
    assertEquals("panicked, PAUSE", event());
    assertEquals("paused", event());

    machine.resume();

    assertEquals(new MachineEnd.DebugExit(1), end());
  }

  @Test
  void pause_resetByTheHost_bootsAgainPaused() throws Exception {
    start("", OnPanic.PAUSE, OnReset.EXIT);
    assertEquals("panicked, PAUSE", event());
    assertEquals("paused", event());

    machine.reset();

    assertEquals("reset", event());
    machine.resume();
    assertEquals("panicked, PAUSE", event());
  }

  @Test
  void pause_withoutPort_endsBecauseNoGuestIsLeft() throws Exception {
    start("report=none message=1", OnPanic.PAUSE, OnReset.RESTART);

    assertInstanceOf(MachineEnd.Panicked.class, end());
    assertEquals(List.of("panicked, EXIT"), List.copyOf(events));
  }
}
