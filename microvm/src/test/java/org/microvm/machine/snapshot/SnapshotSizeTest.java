package org.microvm.machine.snapshot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.devices.state.SectionPolicy;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateReader;
import org.microvm.devices.state.StateWriter;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineException;

/** Files that would take more memory than the process has are refused in one line. */
@Timeout(60)
class SnapshotSizeTest {
  private static final int MEMORY = 1 << 20;
  private static final MachineConfig CONFIG =
      MachineConfig.builder(Path.of("none")).memory(MEMORY).build();

  @TempDir private Path directory;

  private static void assertRefused(Path snapshot, String why) {
    MachineException refused = assertThrows(MachineException.class, () -> Snapshot.open(snapshot));

    assertTrue(refused.getMessage().contains(why), refused.getMessage());
    assertEquals(1, refused.getMessage().lines().count());
  }

  private static void truncate(Path file, long size) throws Exception {
    try (RandomAccessFile state = new RandomAccessFile(file.toFile(), "rw")) {
      state.setLength(size);
    }
  }

  @Test
  void hugeState_isRefusedWithoutBeingRead() throws Exception {
    truncate(directory.resolve("state"), 300L << 20);

    assertRefused(directory, "the state has 314572800 bytes, more than 67108864");
  }

  @Test
  void largestState_isReadAndRefusedByItsContent() throws Exception {
    truncate(directory.resolve("state"), StateReader.MAX_BYTES);

    assertRefused(directory, "not a saved state");
  }

  @Test
  void stateThatIsADevice_isRefused() throws Exception {
    Files.createSymbolicLink(directory.resolve("state"), Path.of("/dev/zero"));

    assertRefused(directory, "not a regular file");
  }

  /** Writes a snapshot with many bytes in an unknown section; returns the checksum of its state. */
  private int write(Path snapshot, Snapshot.Identity identity, SnapshotBase base, int bytes)
      throws Exception {
    StateWriter writer = new StateWriter();
    writer.section("ballast", 1, SectionPolicy.OPTIONAL).putBytes(new byte[bytes]);
    Snapshot.describe(CONFIG, List.of(), identity, writer);
    if (base != null) {
      base.write(writer);
    }
    Files.createDirectories(snapshot);
    Files.write(snapshot.resolve("state"), writer.toByteArray());
    truncate(snapshot.resolve("memory"), MEMORY);
    return base == null ? Snapshot.open(snapshot).identity().checksum() : 0;
  }

  @Test
  void chainWhoseStatesAreTooLargeTogether_isRefused() throws Exception {
    int half = StateReader.MAX_BYTES / 2;
    Path full = directory.resolve("full");
    UUID id = new UUID(1, 2);
    int checksum = write(full, new Snapshot.Identity(id, 0), null, half);
    Path diff = directory.resolve("diff");
    SnapshotBase base = new SnapshotBase(id, checksum, "../full", List.of());
    Snapshot.Identity next = new Snapshot.Identity(new UUID(3, 4), 0);

    write(diff, next, base, 1000);
    assertEquals(full, Snapshot.open(diff).base().orElseThrow());
    write(diff, next, base, half);
    assertRefused(diff, "the states of the chain have more than 67108864 bytes");
  }

  @Test
  void pageRuns_areComparedWithAListAndLimited() throws Exception {
    PageRuns runs = new PageRuns();
    for (int i = 0; i < 100; i++) {
      runs.append(i * 8192L, 4096);
    }
    assertEquals(new SnapshotBase.Run(99 * 8192L, 4096), runs.getLast());
    assertEquals(100, List.copyOf(runs).size());
    assertThrows(IndexOutOfBoundsException.class, () -> runs.get(100));

    StateException refused =
        assertThrows(
            StateException.class,
            () -> {
              for (int i = 0; i <= 3 << 20; i++) {
                runs.append(i, 1);
              }
            });
    assertTrue(refused.getMessage().contains("take a full snapshot"), refused.getMessage());
  }
}
