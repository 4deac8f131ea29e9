package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.linux.GuestRam;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.memory.MemoryRegion;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.PortInfo;
import org.microvm.virtioserial.PortListener;
import org.microvm.virtioserial.backend.UnixServerBackend;

/** Diff snapshots: those with only the pages written since another snapshot. */
@RequiresKvm
@Timeout(60)
class DiffSnapshotTest {
  private static final int MEMORY = 64 << 20;

  @TempDir private Path directory;
  private final List<Machine> machines = new ArrayList<>();

  /** One permit for each host program that has disconnected. */
  private final Semaphore gone = new Semaphore(0);

  @AfterEach
  void close() {
    machines.forEach(Machine::close);
  }

  private MachineConfig config(String socket, boolean tracked) {
    return MachineConfig.builder(TestImages.bareMetal("serial-echo"))
        .memory(MEMORY)
        .commandLine("wait=halt")
        .trackDirtyPages(tracked)
        .channel(
            new ChannelConfig(
                PortConfig.named("test"),
                loop -> UnixServerBackend.listen(directory.resolve(socket), false)))
        .build();
  }

  private Machine start(boolean tracked) throws Exception {
    Machine machine = Machine.create(config("first", tracked));
    start(machine);
    assertEchoes("first", 10_000);
    return machine;
  }

  private Machine restore(Path snapshot, String socket) throws Exception {
    Machine machine = Machine.restore(Snapshot.open(snapshot), config(socket, true));
    start(machine);
    return machine;
  }

  private void start(Machine machine) {
    machines.add(machine);
    machine
        .channels()
        .addListener(
            new PortListener() {
              @Override
              public void hostDisconnected(PortInfo port) {
                gone.release();
              }
            });
    machine.start();
  }

  /** Pauses the guest, and waits until its devices no longer write to its memory. */
  private static void pause(Machine machine) throws Exception {
    machine.pause();
    // After the second round, all work that was ready before the first one is done.
    for (int i = 0; i < 2; i++) {
      CompletableFuture.runAsync(() -> {}, machine.eventLoop()::execute).get(10, TimeUnit.SECONDS);
    }
  }

  private void assertEchoes(String socket, int bytes) throws Exception {
    try (SocketChannel host =
        SocketChannel.open(UnixDomainSocketAddress.of(directory.resolve(socket)))) {
      SerialEcho.assertEchoes(host, bytes);
    }
    // The device reports this to the guest, which writes to guest memory.
    assertTrue(gone.tryAcquire(30, TimeUnit.SECONDS));
  }

  private Path at(String name) {
    return directory.resolve(name);
  }

  private void diff(Machine machine, String name, String base) throws Exception {
    machine.snapshotDiff(at(name), at(base), options -> options);
  }

  private String refusal(Machine machine, String base) {
    return assertThrows(MachineException.class, () -> diff(machine, "refused", base)).getMessage();
  }

  /** Bytes that the memory file takes on disk. */
  private long stored(String name) throws IOException, InterruptedException {
    Process du =
        new ProcessBuilder("du", "--block-size=1", at(name).resolve("memory").toString()).start();
    try (var reader = du.inputReader()) {
      return Long.parseLong(reader.readLine().split("\\s")[0]);
    } finally {
      du.waitFor(10, TimeUnit.SECONDS);
    }
  }

  private void assertSameMemory(String one, String other) throws Exception {
    try (GuestRam first = Snapshot.open(at(one)).mapMemory();
        GuestRam second = Snapshot.open(at(other)).mapMemory()) {
      for (int i = 0; i < first.memory().regions().size(); i++) {
        MemoryRegion region = first.memory().regions().get(i);
        assertEquals(-1, region.host().mismatch(second.memory().regions().get(i).host()));
      }
    }
  }

  @Test
  void chain_hasTheMemoryOfAFullSnapshotAndContinues() throws Exception {
    Machine machine = start(true);
    machine.snapshot(at("base"));
    assertEchoes("first", 50_000);
    diff(machine, "diff1", "base");
    assertEchoes("first", 60_000);
    pause(machine);
    diff(machine, "diff2", "diff1");
    machine.snapshot(at("full"));
    machine.close();

    assertSameMemory("full", "diff2");
    assertEquals(Optional.of(at("diff1")), Snapshot.open(at("diff2")).base());
    assertTrue(stored("diff2") > 0);
    assertTrue(stored("diff2") < stored("full"), stored("diff2") + " of " + stored("full"));
    restore(at("diff2"), "second");
    assertEchoes("second", 70_000);
  }

  @Test
  void restoredMachine_differsFromWhatItWasRestoredFrom() throws Exception {
    Machine machine = start(true);
    machine.snapshot(at("base"));
    machine.close();

    Machine second = restore(at("base"), "second");
    assertEchoes("second", 50_000);
    pause(second);
    diff(second, "diff1", "base");
    second.snapshot(at("full"));
    second.close();

    assertSameMemory("full", "diff1");
    Machine third = restore(at("diff1"), "third");
    assertEchoes("third", 60_000);
    diff(third, "diff2", "diff1");
    third.close();
    restore(at("diff2"), "fourth");
    assertEchoes("fourth", 70_000);
  }

  @Test
  void machineThatTracksNothing_isRefused() throws Exception {
    Machine machine = start(false);
    machine.snapshot(at("base"));

    assertTrue(refusal(machine, "base").contains("--track-dirty-pages on"));
  }

  @Test
  void otherBaseThanTheLast_isRefused() throws Exception {
    Machine machine = start(true);
    machine.snapshot(at("base"));
    machine.snapshot(at("newer"));

    assertTrue(refusal(machine, "base").contains("not the last snapshot"));
    diff(machine, "diff", "newer");
  }

  @Test
  void noSnapshotYet_isRefused() throws Exception {
    Machine first = start(true);
    first.snapshot(at("base"));
    first.close();
    Machine machine = start(true);

    assertTrue(refusal(machine, "base").contains("take a full one first"));
  }

  @Test
  void missingBase_isReportedInOneLine() throws Exception {
    Machine machine = start(true);
    machine.snapshot(at("base"));
    diff(machine, "diff", "base");
    Files.move(at("base"), at("elsewhere"));

    String message =
        assertThrows(MachineException.class, () -> Snapshot.open(at("diff"))).getMessage();

    assertTrue(message.contains(at("base").resolve("state") + " is missing"), message);
    assertEquals(1, message.lines().count(), message);
  }

  @Test
  void replacedBase_isRefused() throws Exception {
    Machine machine = start(true);
    machine.snapshot(at("base"));
    diff(machine, "diff", "base");
    machine.snapshot(at("base"));

    String message =
        assertThrows(MachineException.class, () -> Snapshot.open(at("diff"))).getMessage();

    assertTrue(message.contains("now has another snapshot"), message);
  }

  @Test
  void baseAndDiffMovedTogether_areFound() throws Exception {
    Machine machine = start(true);
    machine.snapshot(at("base"));
    diff(machine, "diff", "base");
    Path other = Files.createDirectory(at("other"));
    Files.move(at("base"), other.resolve("base"), StandardCopyOption.ATOMIC_MOVE);
    Files.move(at("diff"), other.resolve("diff"), StandardCopyOption.ATOMIC_MOVE);

    assertEquals(Optional.of(other.resolve("base")), Snapshot.open(other.resolve("diff")).base());
  }
}
