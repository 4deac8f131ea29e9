package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateReader;
import org.microvm.kvm.VmState;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.snapshot.RestoreClock;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.testing.RequiresKvm;

/** How far the clocks of a restored guest advance. */
@Timeout(60)
class RestoreClockTest {
  @TempDir private Path directory;

  /** KVM's clock in a snapshot, in nanoseconds. */
  private static long kvmclock(Path snapshot) throws Exception {
    StateReader reader = StateReader.of(Files.readAllBytes(snapshot.resolve("state")));
    StateInput vm = reader.take("kvm.vm", 1);
    vm.getShort();
    for (VmState part : VmState.values()) {
      vm.getBytes(part.bytes());
    }
    return vm.getLong();
  }

  private MachineConfig config() {
    return MachineConfig.builder(TestImages.bareMetal("spin")).memory(16 << 20).build();
  }

  private long saved(Machine machine, String name) throws Exception {
    try (machine) {
      machine.start();
      machine.snapshot(directory.resolve(name));
      return kvmclock(directory.resolve(name));
    }
  }

  private static void assertAhead(long first, long second, Duration passed) {
    long ahead = second - first - passed.toNanos();
    assertTrue(ahead >= 0 && ahead < Duration.ofMinutes(1).toNanos(), "by " + ahead);
  }

  @Test
  @RequiresKvm
  void kvmclock_isSetAheadByWhatHasPassed() throws Exception {
    long first = saved(Machine.create(config()), "first");
    Duration passed = Duration.ofHours(10);
    Snapshot snapshot = Snapshot.open(directory.resolve("first"));

    assertAhead(
        first, saved(RestoreTarget.machine(snapshot, config(), () -> passed), "second"), passed);
    assertAhead(first, saved(Machine.restore(snapshot, config()), "third"), Duration.ZERO);
  }

  @Test
  @RequiresKvm
  void passedTime_isThatOfTheHostsClock() throws Exception {
    saved(Machine.create(config()), "first");
    Snapshot snapshot = Snapshot.open(directory.resolve("first"));
    Instant taken = snapshot.taken();
    InstantSource later = () -> taken.plusSeconds(3600);
    InstantSource soon = () -> taken.plusMillis(40);
    InstantSource setBack = () -> taken.minusSeconds(3600);

    assertEquals(Duration.ofHours(1), RestoreClock.REALTIME.passed(snapshot, later));
    assertEquals(Duration.ZERO, RestoreClock.REALTIME.passed(snapshot, setBack));
    assertEquals(Duration.ofMillis(100), RestoreClock.SAVED.passed(snapshot, later));
    assertEquals(Duration.ofMillis(40), RestoreClock.SAVED.passed(snapshot, soon));
    assertEquals(Duration.ZERO, RestoreClock.SAVED.passed(snapshot, setBack));
  }
}
