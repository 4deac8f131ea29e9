package org.microvm.machine.snapshot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.devices.state.SectionPolicy;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateReader;
import org.microvm.devices.state.StateWriter;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.snapshot.SnapshotBase.Run;

/** Snapshots from an untrusted source: fields are checked even if the checksums are right. */
class HostileSnapshotTest {
  private static final long MEMORY = 1 << 20;

  @TempDir private Path directory;

  private Snapshot open(long memory, long taken) throws Exception {
    StateWriter writer = new StateWriter();
    writer.section("machine", 1, SectionPolicy.REQUIRED).putLong(memory).putShort(1).putLong(taken);
    Files.write(directory.resolve("state"), writer.toByteArray());
    Files.write(directory.resolve("memory"), new byte[(int) MEMORY]);
    return Snapshot.open(directory);
  }

  private static SnapshotBase base(Run... runs) throws StateException {
    StateWriter writer = new StateWriter();
    new SnapshotBase(new UUID(1, 2), 3, "../base", List.of(runs)).write(writer);
    return SnapshotBase.read(StateReader.of(writer.toByteArray()), MEMORY);
  }

  private static void assertRefused(String reason, Run... runs) {
    StateException refused = assertThrows(StateException.class, () -> base(runs));
    assertTrue(refused.getMessage().contains(reason), refused.getMessage());
  }

  @Test
  void taken_beforeThereWereClocksOrInTheFarFuture_isRefused() throws Exception {
    assertEquals(1000, open(MEMORY, 1000).taken().toEpochMilli());
    for (long taken : new long[] {Long.MIN_VALUE, -1, Long.MAX_VALUE}) {
      MachineException refused = assertThrows(MachineException.class, () -> open(MEMORY, taken));
      assertTrue(refused.getMessage().contains("section machine"), refused.getMessage());
    }
  }

  @Test
  void memory_ofAnImpossibleSize_isRefused() {
    for (long memory : new long[] {-1, Long.MAX_VALUE}) {
      MachineException refused = assertThrows(MachineException.class, () -> open(memory, 0));
      assertTrue(refused.getMessage().contains("section machine"), refused.getMessage());
    }
  }

  @Test
  void runs_inOrder_areAccepted() throws Exception {
    assertEquals(2, base(new Run(0, 4096), new Run(4096, 8192)).runs().size());
  }

  @Test
  void runs_thatOverlapOrRepeat_areRefused() {
    assertRefused("overlap", new Run(0, MEMORY), new Run(0, MEMORY));
    assertRefused("overlap", new Run(0, 8192), new Run(4096, 4096));
    assertRefused("overlap", new Run(8192, 4096), new Run(0, 4096));
  }

  @Test
  void runs_outsideOfMemory_areRefused() {
    assertRefused("outside", new Run(-4096, 8192));
    assertRefused("outside", new Run(MEMORY, 4096));
    assertRefused("outside", new Run(4096, Long.MAX_VALUE & -4096));
  }
}
