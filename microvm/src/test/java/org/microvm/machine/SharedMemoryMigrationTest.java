package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.microvm.machine.SerialEcho.assertEchoes;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.linux.Fd;
import org.microvm.linux.GuestRam;
import org.microvm.linux.UnixListener;
import org.microvm.linux.UnixSocket;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.migration.Migration;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.machine.migration.MigrationMemory;
import org.microvm.machine.migration.MigrationProgress.Status;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.machine.transfer.MigrationStream;
import org.microvm.machine.transfer.MigrationStream.Frame;
import org.microvm.machine.transfer.MigrationStream.Type;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.backend.UnixServerBackend;

/**
 * Migrations that hand memory over: when each side may access it, and which frames are refused. The
 * test is between the two machines and forwards their frames.
 */
@RequiresKvm
@Timeout(120)
class SharedMemoryMigrationTest {
  private static final int MEMORY = SerialEcho.MEMORY;

  @TempDir private Path directory;
  private final List<Machine> machines = new CopyOnWriteArrayList<>();
  private final ExecutorService threads = Executors.newCachedThreadPool();

  @AfterEach
  void close() {
    machines.forEach(Machine::close);
    threads.shutdownNow();
  }

  private MachineConfig config(boolean takesOver) {
    Path channel = directory.resolve("channel");
    return SerialEcho.config(
            "wait=halt",
            loop ->
                takesOver
                    ? UnixServerBackend.listenAtTakeover(channel)
                    : UnixServerBackend.listen(channel, false))
        .build();
  }

  private Machine start() throws Exception {
    Machine machine = Machine.create(config(false));
    machines.add(machine);
    machine.start();
    return machine;
  }

  private CompletableFuture<Machine> awaitGuest() throws Exception {
    IncomingMigration incoming = IncomingMigration.listen(directory.resolve("destination"));
    return ReceivedMachine.of(incoming, config(true), machines::add, threads);
  }

  private SocketChannel connect() throws IOException {
    return SocketChannel.open(UnixDomainSocketAddress.of(directory.resolve("channel")));
  }

  private Migration migrate(Machine from, MigrationMemory memory) throws MachineException {
    return from.migrate(
        new MigrationAddress.Unix(directory.resolve("between")), MigrationLimits.DEFAULT, memory);
  }

  /** A relay between a source and a destination. */
  private final class Between implements AutoCloseable {
    private final UnixListener listener;
    private MigrationStream source;
    private MigrationStream destination;
    private final GuestRam view = GuestRam.allocate(MEMORY);

    Between() throws IOException {
      listener = UnixListener.open(directory.resolve("between"));
      listener.fd().nonBlocking(false);
    }

    void connect() throws IOException {
      source = new MigrationStream(UnixSocket.accept(listener.fd()));
      destination = new MigrationStream(UnixSocket.connect(directory.resolve("destination")));
    }

    /** Forwards a frame, which must have the given type. */
    private Frame pass(MigrationStream from, MigrationStream to, Type type) throws IOException {
      Frame frame = from.read();
      assertEquals(type, frame.type(), frame::text);
      if (type == Type.MEMORY) {
        view.adopt(frame.descriptors().getFirst().duplicate());
      }
      to.write(frame.type(), frame.argument(), frame.payload(), frame.descriptors());
      frame.descriptors().forEach(Fd::close);
      return frame;
    }

    /**
     * Forwards frames until the guest is stopped and the destination does not have its state yet.
     */
    Frame upToState() throws IOException {
      pass(source, destination, Type.HELLO);
      pass(destination, source, Type.OK);
      pass(source, destination, Type.MEMORY);
      pass(source, destination, Type.LINK);
      Frame state = source.read();
      assertEquals(Type.STATE, state.type());
      return state;
    }

    long memorySum() {
      CRC32C sum = new CRC32C();
      MemorySegment memory = view.memory().regions().getFirst().host();
      sum.update(memory.asByteBuffer());
      return sum.getValue();
    }

    @Override
    public void close() {
      source.close();
      destination.close();
      listener.close();
      view.close();
    }
  }

  @Test
  void destinationThatIsReadyAndAborted_hasNotTouchedMemory() throws Exception {
    Machine machine = start();
    try (SocketChannel host = connect()) {
      assertEchoes(host, "here");
      CompletableFuture<Machine> next = awaitGuest();
      Migration migration;
      try (Between between = new Between()) {
        migration = migrate(machine, MigrationMemory.SHARE);
        between.connect();
        Frame state = between.upToState();
        final long before = between.memorySum();
        between.destination.write(Type.STATE, state.argument(), state.payload(), List.of());
        assertEquals(Type.READY, between.destination.read().type());
        assertEquals(before, between.memorySum(), "before READY");

        between.destination.write(Type.ABORT, "a test");

        assertThrows(ExecutionException.class, () -> next.get(30, TimeUnit.SECONDS));
        assertEquals(before, between.memorySum(), "at the end");
      }
      assertEquals(Status.FAILED, migration.result().get(30, TimeUnit.SECONDS).status());
      assertEchoes(host, "still here");
    }
  }

  @Test
  void source_afterRunning_leavesMemoryAlone() throws Exception {
    Machine machine = start();
    try (SocketChannel host = connect()) {
      assertEchoes(host, "here");
      CompletableFuture<Machine> next = awaitGuest();
      try (Between between = new Between()) {
        Migration migration = migrate(machine, MigrationMemory.SHARE);
        between.connect();
        Frame state = between.upToState();
        final long before = between.memorySum();
        // The guest runs nowhere now, so any change of memory comes from the source.
        between.source.write(Type.READY);
        assertEquals(Type.GO, between.source.read().type());
        machine.reset(); // must be ignored: the guest has left
        between.source.write(Type.RUNNING);

        assertEquals(Status.COMPLETED, migration.result().get(30, TimeUnit.SECONDS).status());
        assertEquals(new MachineEnd.Migrated(), machine.end().get(30, TimeUnit.SECONDS));
        machine.close();
        assertEquals(before, between.memorySum());

        // With unchanged memory the guest continues at the destination.
        between.destination.write(Type.STATE, state.argument(), state.payload(), List.of());
        assertEquals(Type.READY, between.destination.read().type());
        between.destination.write(Type.GO);
        assertEquals(Type.RUNNING, between.destination.read().type());
        assertEchoes(host, "there");
      }
      next.get(30, TimeUnit.SECONDS);
      assertEchoes(host, "still there");
    }
  }

  @Test
  void memoryOfAnotherSize_isRefused() throws Exception {
    try (GuestRam other = GuestRam.allocate(2 * MEMORY)) {
      assertRefused(
          other.file().duplicate(), "it has 33554432 bytes, this machine's RAM has 16777216");
    }
  }

  @Test
  void memoryThatCouldShrink_isRefused() throws Exception {
    Fd file = Fd.open(directory.resolve("file"), Fd.READ_WRITE, Fd.CREATE);
    file.resize(MEMORY);

    assertRefused(file, "could be made shorter");
  }

  private void assertRefused(Fd memory, String why) throws Exception {
    Machine source = start();
    CompletableFuture<Machine> next = awaitGuest();
    try (Between between = new Between()) {
      migrate(source, MigrationMemory.SHARE);
      between.connect();
      between.pass(between.source, between.destination, Type.HELLO);
      between.destination.read(); // OK
      between.destination.write(Type.MEMORY, 0, new byte[0], List.of(memory));
      memory.close();

      Frame answer = between.destination.read();

      assertEquals(Type.FAILED, answer.type());
      assertTrue(answer.text().contains(why), answer.text());
      assertThrows(ExecutionException.class, () -> next.get(30, TimeUnit.SECONDS));
    }
  }

  private void assertFails(Migration migration, String why) throws Exception {
    assertEquals(Status.FAILED, migration.result().get(30, TimeUnit.SECONDS).status());
    assertTrue(migration.failure().contains(why), migration.failure());
  }

  @Test
  void share_destinationThatDoesNotKnowHow_fails() throws Exception {
    Machine machine = start();
    try (UnixListener listener = UnixListener.open(directory.resolve("between"))) {
      listener.fd().nonBlocking(false);
      Migration migration = migrate(machine, MigrationMemory.SHARE);
      try (MigrationStream stream = new MigrationStream(UnixSocket.accept(listener.fd()))) {
        stream.read();
        stream.write(Type.OK);

        assertFails(migration, "memory cannot be handed over: the destination does not support it");
      }
    }
    assertFalse(machine.isPaused());
  }

  @Test
  void share_overTcp_fails() throws Exception {
    Machine machine = start();
    var at = new MigrationAddress.Tcp("127.0.0.1", 0, Optional.empty());
    try (IncomingMigration incoming = IncomingMigration.listen(at)) {
      MigrationAddress where = incoming.address();
      var next = ReceivedMachine.of(incoming, config(true), machines::add, threads);

      Migration migration = machine.migrate(where, MigrationLimits.DEFAULT, MigrationMemory.SHARE);

      assertFails(migration, "that needs a unix socket");
      assertThrows(ExecutionException.class, () -> next.get(30, TimeUnit.SECONDS));
    }
  }

  @Test
  void restoredMachine_isCopiedAndThenShared() throws Exception {
    Machine machine = start();
    machine.snapshot(directory.resolve("snapshot"));
    machine.close();
    Machine restored = Machine.restore(Snapshot.open(directory.resolve("snapshot")), config(false));
    machines.add(restored);
    restored.start();

    CompletableFuture<Machine> nobody = awaitGuest();
    assertFails(toDestination(restored, MigrationMemory.SHARE), "part of it is in the snapshot");
    assertThrows(ExecutionException.class, () -> nobody.get(30, TimeUnit.SECONDS));
    Machine second = moved(restored, MigrationMemory.AUTO);
    Machine third = moved(second, MigrationMemory.SHARE);

    try (SocketChannel host = connect()) {
      assertEchoes(host, "here");
    }
    assertFalse(third.isPaused());
  }

  private Machine moved(Machine from, MigrationMemory memory) throws Exception {
    CompletableFuture<Machine> next = awaitGuest();
    Migration migration = toDestination(from, memory);
    Status end = migration.result().get(30, TimeUnit.SECONDS).status();
    assertEquals(Status.COMPLETED, end, migration.failure());
    from.close();
    return next.get(30, TimeUnit.SECONDS);
  }

  private Migration toDestination(Machine from, MigrationMemory memory) throws MachineException {
    Path destination = directory.resolve("destination");
    return from.migrate(new MigrationAddress.Unix(destination), MigrationLimits.DEFAULT, memory);
  }
}
