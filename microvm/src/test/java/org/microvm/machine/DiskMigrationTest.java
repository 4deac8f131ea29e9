package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.microvm.devices.virtio.blk.DiskFile;
import org.microvm.machine.config.DiskConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.migration.Migration;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.machine.migration.MigrationAddress.Tcp;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.machine.migration.MigrationProgress;
import org.microvm.machine.migration.MigrationProgress.Status;
import org.microvm.machine.transfer.MigrationStream;
import org.microvm.machine.transfer.MigrationStream.Type;
import org.microvm.testing.RequiresKvm;
import org.microvm.transport.TcpTransportListener;

/** Which process holds the lock of a writable disk during a migration. */
@RequiresKvm
@Timeout(60)
class DiskMigrationTest {
  private static final MigrationLimits LIMITS = new MigrationLimits(Duration.ofMillis(100), 1000);
  private static final Tcp TCP = new Tcp("127.0.0.1", 0, Optional.empty());

  @TempDir private static Path directory;
  private final List<Machine> machines = new CopyOnWriteArrayList<>();
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private Path disk;

  @BeforeEach
  void makeDisk() throws IOException {
    disk = Files.createTempFile(directory, "disk", ".img");
    Files.write(disk, new byte[1 << 20]);
  }

  @AfterEach
  void close() {
    machines.forEach(Machine::close);
    threads.shutdownNow();
  }

  private static MachineConfig config(Path image) {
    return MachineConfig.builder(TestImages.bareMetal("spin"))
        .memory(16 << 20)
        .disk(new DiskConfig(image, false))
        .build();
  }

  private Machine start() throws Exception {
    Machine machine = Machine.create(config(disk));
    machines.add(machine);
    machine.start();
    return machine;
  }

  private CompletableFuture<Machine> receive(IncomingMigration incoming, Path image) {
    return ReceivedMachine.of(incoming, config(image), machines::add, threads);
  }

  private static MigrationProgress end(Migration migration) throws Exception {
    return migration.result().get(30, TimeUnit.SECONDS);
  }

  private void assertInUse() {
    IOException refused = assertThrows(IOException.class, () -> DiskFile.open(disk, false));
    assertTrue(refused.getMessage().contains("in use"), refused.getMessage());
  }

  static Stream<MigrationAddress> addresses() {
    return Stream.of(new MigrationAddress.Unix(directory.resolve("incoming")), TCP);
  }

  @ParameterizedTest
  @MethodSource("addresses")
  void guestThatHasMoved_hasItsDiskThere(MigrationAddress address) throws Exception {
    Machine source = start();
    assertInUse();
    IncomingMigration incoming = IncomingMigration.listen(address);
    CompletableFuture<Machine> next = receive(incoming, disk);

    Migration migration = source.migrate(incoming.address(), LIMITS);

    assertEquals(Status.COMPLETED, end(migration).status(), migration.failure());
    source.close();
    Machine there = next.get(30, TimeUnit.SECONDS);
    assertInUse();
    there.close();
    DiskFile.open(disk, false).close();
  }

  @ParameterizedTest
  @MethodSource("addresses")
  void diskThatTheDestinationCannotHave_keepsTheGuestHere(MigrationAddress address)
      throws Exception {
    Path other = Files.copy(disk, directory.resolve("other" + disk.getFileName()));
    Machine source = start();
    IncomingMigration incoming = IncomingMigration.listen(address);
    try (DiskFile _ = DiskFile.open(other, false)) {
      CompletableFuture<Machine> next = receive(incoming, other);

      Migration migration = source.migrate(incoming.address(), LIMITS);

      assertEquals(Status.FAILED, end(migration).status());
      assertTrue(migration.failure().contains("in use"), migration.failure());
      assertThrows(Exception.class, () -> next.get(30, TimeUnit.SECONDS));
    }
    assertFalse(source.isPaused());
    assertInUse();
  }

  /** Ends the connection at the moment when neither side knows which one has the guest. */
  private Machine cutAfterGo() throws Exception {
    Machine source = start();
    try (TcpTransportListener listener =
        new TcpTransportListener(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), Optional.empty())) {
      Migration migration =
          source.migrate(new Tcp("127.0.0.1", listener.port(), Optional.empty()), LIMITS);
      try (MigrationStream stream = new MigrationStream(listener.accept())) {
        stream.open();
        for (Type type = null; type != Type.GO; ) {
          MigrationStream.Frame frame = stream.read();
          type = frame.type();
          switch (type) {
            case HELLO -> stream.write(Type.OK);
            case PAGES -> stream.readAll(Arena.ofAuto().allocate(frame.length()));
            case STATE -> stream.write(Type.READY);
            default -> {}
          }
        }
      }
      assertEquals(Status.FAILED, end(migration).status());
      assertTrue(source.isPaused());
      return source;
    }
  }

  @Test
  void guestThatMayRunElsewhere_continuesOnlyIfItsDiskIsNotLocked() throws Exception {
    Machine source = cutAfterGo();
    try (DiskFile _ = DiskFile.open(disk, false)) {
      UncheckedIOException refused = assertThrows(UncheckedIOException.class, source::resume);

      assertTrue(refused.getMessage().contains("in use"), refused.getMessage());
      assertTrue(source.isPaused());
    }

    source.resume();

    assertFalse(source.isPaused());
    assertInUse();
  }

  @Test
  void guestThatMayRunElsewhere_isNeitherSavedNorMoved() throws Exception {
    Machine source = cutAfterGo();

    assertThrows(MachineException.class, () -> source.snapshot(directory.resolve("saved")));
    assertThrows(MachineException.class, () -> source.migrate(TCP, LIMITS));
  }

  @Test
  void guestThatMayRunElsewhere_canBeAbandoned() throws Exception {
    Machine source = cutAfterGo();

    source.close();

    assertEquals(new MachineEnd.Stopped(), source.end().get(10, TimeUnit.SECONDS));
    DiskFile.open(disk, false).close();
  }
}
