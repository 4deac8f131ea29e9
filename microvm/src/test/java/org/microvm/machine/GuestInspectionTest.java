package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.config.OnReset;
import org.microvm.testing.RequiresKvm;

/** Inspects bare-metal guests from outside, and changes the actions at their end. */
@RequiresKvm
@Timeout(60)
class GuestInspectionTest {
  private static final long SIZE = 16 << 20;

  /** Where the guest's program is: see test-images/bare-metal/guest.ld. */
  private static final long PROGRAM = 1 << 20;

  private final ConsoleText console = new ConsoleText();
  private Machine machine;

  @AfterEach
  void close() {
    machine.close();
  }

  private void create(String name, String words) throws MachineException {
    machine =
        Machine.create(
            MachineConfig.builder(TestImages.bareMetal(name))
                .memory(SIZE)
                .commandLine(words)
                .resetLimit(0)
                .console(console)
                .build());
  }

  private GuestInspection spinning() throws Exception {
    create("spin", "");
    machine.start();
    console.await("spinning", 30);
    return GuestInspection.of(machine);
  }

  @Test
  void memory_isTheSameByBothAddresses() throws Exception {
    GuestInspection inspection = spinning();
    byte[] physical = new byte[10_000];
    byte[] virtual = new byte[10_000];

    inspection.readPhysical(PROGRAM - 5000, physical);
    boolean mapped = inspection.readVirtual(0, PROGRAM - 5000, virtual);

    assertTrue(mapped);
    assertArrayEquals(physical, virtual);
    boolean anything = false;
    for (byte one : physical) {
      anything |= one != 0;
    }
    assertTrue(anything);
    assertFalse(machine.isPaused());
  }

  @Test
  void memory_thatIsNotThere_readsAsZerosOrIsNotMapped() throws Exception {
    GuestInspection inspection = spinning();
    byte[] bytes = {1, 1, 1, 1};

    inspection.readPhysical(SIZE - 2, bytes);

    assertEquals(0, bytes[2]);
    assertEquals(0, bytes[3]);
    assertFalse(inspection.readVirtual(0, 1L << 46, bytes));
    assertFalse(inspection.readVirtual(0, Long.MIN_VALUE, bytes));
  }

  @Test
  void nmi_isForGuestsThatHaveSetUpTheLine() throws Exception {
    assertEquals(0, spinning().injectNmi());
    assertFalse(machine.isPaused());
  }

  @Test
  void dirtyRate_ofAGuestThatWritesNothing_isZero() throws Exception {
    assertEquals(0, spinning().dirtyRate(Duration.ofMillis(10), 4096));
  }

  @Test
  void counters_areThoseOfKvm() throws Exception {
    GuestInspection inspection = spinning();

    assertTrue(inspection.vmCounters().stream().anyMatch(kind -> kind.name().startsWith("pages_")));
    assertTrue(inspection.vcpuCounters().stream().anyMatch(kind -> kind.name().equals("exits")));
  }

  @Test
  void guestThatIsNotStarted_isRefused() throws Exception {
    create("spin", "");
    GuestInspection inspection = GuestInspection.of(machine);

    assertThrows(MachineException.class, () -> inspection.readPhysical(0, new byte[1]));
    assertThrows(MachineException.class, inspection::injectNmi);
  }

  @Test
  void actionAtReset_isChangedWhileTheGuestRuns() throws Exception {
    create("hello", "end=reset");
    CountDownLatch again = new CountDownLatch(2);
    machine.addListener(
        new MachineListener() {
          @Override
          public void reset(MachineEnd.Reset how, boolean byHost) {
            again.countDown();
          }
        });
    GuestActions.of(machine).onReset(OnReset.RESTART);
    machine.start();
    again.await();

    GuestActions.of(machine).onReset(OnReset.EXIT);

    assertInstanceOf(MachineEnd.Reset.class, machine.end().get(30, TimeUnit.SECONDS));
  }
}
