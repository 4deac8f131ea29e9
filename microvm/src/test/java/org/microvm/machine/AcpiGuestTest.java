package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.OnReset;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.testing.RequiresKvm;

/** A guest that finds the ACPI tables and uses the registers that they describe. */
@RequiresKvm
@Timeout(60)
class AcpiGuestTest {
  private static final String WAITS = "waiting for the button";

  @TempDir private Path directory;
  private final List<Machine> machines = new ArrayList<>();
  private final ConsoleText console = new ConsoleText();

  @AfterEach
  void close() {
    machines.forEach(Machine::close);
  }

  private MachineConfig.Builder guest(String words) {
    return MachineConfig.builder(TestImages.bareMetal("acpi"))
        .memory(16 << 20)
        .commandLine(words)
        .console(console);
  }

  private Machine start(Machine machine) {
    machines.add(machine);
    machine.start();
    return machine;
  }

  private Machine start(MachineConfig.Builder config) throws Exception {
    return start(Machine.create(config.build()));
  }

  private static MachineEnd end(Machine machine) throws Exception {
    return machine.end().get(30, TimeUnit.SECONDS);
  }

  @Test
  void sleepControl_s5_powersOff() throws Exception {
    assertEquals(new MachineEnd.PowerOff(), end(start(guest("end=poweroff"))));
  }

  @Test
  void resetRegister_write_resets() throws Exception {
    assertEquals(new MachineEnd.Reset("ACPI"), end(start(guest("end=reset"))));
  }

  @Test
  void noAcpi_guest_findsNoTables() throws Exception {
    Machine machine = start(guest("end=poweroff").acpi(false));

    assertEquals(new MachineEnd.DebugExit(3), end(machine));
    machine.close();
    assertTrue(console.toString().contains("no ACPI"), console.toString());
  }

  @Test
  void powerButton_guestThatWaitsForIt_powersOff() throws Exception {
    AtomicInteger told = new AtomicInteger();
    Machine machine = start(guest("end=button"));
    machine.addListener(
        new MachineListener() {
          @Override
          public void powerButtonPressed() {
            told.incrementAndGet();
          }
        });
    console.await(WAITS, 30);

    assertTrue(machine.pressPowerButton());

    assertEquals(new MachineEnd.PowerOff(), end(machine));
    assertEquals(1, told.get());
  }

  @Test
  void powerButton_guestWithoutAcpi_isNotPressed() throws Exception {
    Machine machine =
        start(
            MachineConfig.builder(TestImages.bareMetal("halt")).memory(16 << 20).console(console));
    console.await("halting", 30);

    assertFalse(machine.pressPowerButton());
  }

  @Test
  void powerButton_afterAReset_needsTheGuestAgain() throws Exception {
    Machine machine = start(guest("end=button").onReset(OnReset.RESTART));
    console.await(WAITS, 30);
    machine.reset();
    console.await(WAITS, 2, 30);

    assertTrue(machine.pressPowerButton());
    assertEquals(new MachineEnd.PowerOff(), end(machine));
  }

  private List<String> generations() {
    return console.toString().lines().filter(line -> line.startsWith("generation ")).toList();
  }

  @Test
  void snapshot_eachRestoredGuest_getsItsOwnGeneration() throws Exception {
    Machine first = start(guest("end=generation"));
    console.await("waiting for a generation", 30);
    first.snapshot(directory);
    first.stop();
    Set<Optional<UUID>> ids = new HashSet<>(Set.of(first.generation()));

    for (int i = 0; i < 2; i++) {
      Snapshot snapshot = Snapshot.open(directory);
      Machine next = start(Machine.restore(snapshot, guest("end=generation").build()));
      ids.add(next.generation());
      assertEquals(new MachineEnd.PowerOff(), end(next));
      next.close();
    }

    assertEquals(3, ids.size(), ids.toString());
    // The first machine's line is in its console, the others' are those after the change.
    assertEquals(3, Set.copyOf(generations()).size(), console.toString());
  }

  @Test
  void reset_keepsTheGeneration() throws Exception {
    Machine machine = start(guest("end=generation").onReset(OnReset.RESTART));
    console.await("waiting for a generation", 30);
    machine.reset();
    console.await("waiting for a generation", 2, 30);

    assertEquals(1, Set.copyOf(generations()).size(), console.toString());
  }

  @Test
  void noAcpi_hasNoGeneration() throws Exception {
    assertEquals(Optional.empty(), start(guest("end=poweroff").acpi(false)).generation());
  }

  @Test
  void snapshot_pressedButton_reachesTheRestoredGuest() throws Exception {
    Machine first = start(guest("end=button"));
    console.await(WAITS, 30);
    first.pause();
    first.pressPowerButton();
    first.snapshot(directory);
    first.stop();

    Machine second = start(Machine.restore(Snapshot.open(directory), guest("end=button").build()));

    assertEquals(new MachineEnd.PowerOff(), end(second));
  }
}
