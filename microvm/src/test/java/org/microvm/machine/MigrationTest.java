package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.microvm.machine.SerialEcho.assertEchoes;
import static org.microvm.machine.SerialEcho.readFully;
import static org.microvm.machine.SerialEcho.write;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.microvm.linux.Fd;
import org.microvm.linux.UnixListener;
import org.microvm.linux.UnixSocket;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.migration.Migration;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.machine.migration.MigrationMemory;
import org.microvm.machine.migration.MigrationProgress;
import org.microvm.machine.migration.MigrationProgress.Status;
import org.microvm.machine.transfer.MigrationStream;
import org.microvm.machine.transfer.MigrationStream.Type;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.backend.UnixServerBackend;

/**
 * Guests that are migrated from machine to machine while a host program exchanges data with them.
 */
@RequiresKvm
@Timeout(120)
class MigrationTest {
  private static final int MEMORY = SerialEcho.MEMORY;
  private static final MigrationLimits LIMITS = new MigrationLimits(Duration.ofMillis(100), 1000);

  @TempDir private Path directory;
  private final List<Machine> machines = new CopyOnWriteArrayList<>();

  /** The common pool has too few threads for tasks that wait for each other. */
  private final ExecutorService threads = Executors.newCachedThreadPool();

  @AfterEach
  void close() {
    machines.forEach(Machine::close);
    threads.shutdownNow();
  }

  private Path channel() {
    return directory.resolve("channel");
  }

  private Path incoming() {
    return directory.resolve("incoming");
  }

  private MachineConfig config(String words) {
    return SerialEcho.config(words, loop -> UnixServerBackend.listen(channel(), false)).build();
  }

  private MachineConfig incomingConfig() {
    return SerialEcho.config("", loop -> UnixServerBackend.listenAtTakeover(channel())).build();
  }

  private Machine start(String words) throws Exception {
    Machine machine = Machine.create(config(words));
    machines.add(machine);
    machine.start();
    return machine;
  }

  /** Waits for one guest on a separate thread. */
  private CompletableFuture<Machine> awaitGuest(MachineConfig config) throws IOException {
    IncomingMigration incoming = IncomingMigration.listen(incoming());
    return CompletableFuture.supplyAsync(
        () -> {
          try (incoming) {
            Machine machine = incoming.receive(config);
            machines.add(machine);
            return machine;
          } catch (MachineException e) {
            throw new CompletionException(e);
          }
        },
        threads);
  }

  private Machine move(Machine from) throws Exception {
    return move(from, MigrationMemory.AUTO);
  }

  private Machine move(Machine from, MigrationMemory memory) throws Exception {
    CompletableFuture<Machine> next = awaitGuest(incomingConfig());
    Migration migration = migrate(from, memory);
    MigrationProgress end = migration.result().get(60, TimeUnit.SECONDS);
    assertEquals(Status.COMPLETED, end.status(), migration.failure());
    assertEquals(new MachineEnd.Migrated(), from.end().get(10, TimeUnit.SECONDS));
    from.close();
    Machine there = next.get(10, TimeUnit.SECONDS);
    assertEquals(from.generation(), there.generation());
    return there;
  }

  private Migration migrate(Machine from, MigrationMemory memory) throws MachineException {
    return from.migrate(new MigrationAddress.Unix(incoming()), LIMITS, memory);
  }

  private SocketChannel connect() throws IOException {
    return SocketChannel.open(UnixDomainSocketAddress.of(channel()));
  }

  @ParameterizedTest
  @CsvSource({
    "wait=spin, COPY",
    "wait=halt, COPY",
    "wait=halt event_idx=on, COPY",
    "wait=spin, SHARE",
    "wait=halt, SHARE",
    "wait=halt event_idx=on, SHARE"
  })
  void stream_throughManyMigrations_comesBackIdenticalOnOneConnection(
      String words, MigrationMemory memory) throws Exception {
    int moves = 10;
    int step = 1 << 20;
    Machine current = start(words);
    byte[] sent = new byte[(moves + 1) * step];
    new Random(7).nextBytes(sent);
    try (SocketChannel host = connect()) {
      CompletableFuture<Void> writer = CompletableFuture.runAsync(() -> write(host, sent), threads);
      ByteBuffer back = ByteBuffer.allocate(sent.length);
      CompletableFuture<Void> reader =
          CompletableFuture.runAsync(() -> readRest(host, back), threads);
      for (int i = 0; i < moves; i++) {
        current = move(current, memory);
      }
      writer.get(60, TimeUnit.SECONDS);
      reader.get(60, TimeUnit.SECONDS);

      assertArrayEquals(sent, back.array());
      // The connection is still the same: it works after the last migration.
      assertEchoes(host, 100_000);
    }
    try (SocketChannel next = connect()) {
      assertEchoes(next, 100_000); // the path has moved with the guest
    }
    current.close();
    assertFalse(Files.exists(channel()));
  }

  @ParameterizedTest
  @EnumSource(MigrationMemory.class)
  void pausedGuest_arrivesPaused(MigrationMemory memory) throws Exception {
    Machine machine = start("");
    machine.pause();

    Machine next = move(machine, memory);

    assertTrue(next.isPaused());
    next.resume();
    try (SocketChannel host = connect()) {
      assertEchoes(host, 1000);
    }
  }

  private void assertStillHere(Machine machine, SocketChannel host) throws Exception {
    assertFalse(machine.isPaused());
    assertFalse(machine.end().isDone());
    assertEchoes(host, 100_000);
  }

  @Test
  void nobodyWaiting_isRefused() throws Exception {
    Machine machine = start("");

    assertThrows(MachineException.class, () -> machine.migrate(incoming(), LIMITS));
  }

  @Test
  void destinationOfAnotherSize_refusesAndTheGuestGoesOnHere() throws Exception {
    Machine machine = start("wait=halt");
    try (SocketChannel host = connect()) {
      MachineConfig large =
          MachineConfig.builder(TestImages.bareMetal("serial-echo")).memory(2 * MEMORY).build();
      CompletableFuture<Machine> other = awaitGuest(large);

      Migration migration = machine.migrate(incoming(), LIMITS);

      assertEquals(Status.FAILED, migration.result().get(30, TimeUnit.SECONDS).status());
      assertTrue(migration.failure().contains("bytes of memory"), migration.failure());
      assertThrows(Exception.class, () -> other.get(30, TimeUnit.SECONDS));
      assertStillHere(machine, host);
    }
  }

  @ParameterizedTest
  @EnumSource(MigrationMemory.class)
  void destinationWithoutThePort_refusesTheStateAndTheGuestGoesOnHere(MigrationMemory memory)
      throws Exception {
    Machine machine = start("wait=halt");
    try (SocketChannel host = connect()) {
      MachineConfig withoutChannel =
          MachineConfig.builder(TestImages.bareMetal("serial-echo")).memory(MEMORY).build();
      CompletableFuture<Machine> other = awaitGuest(withoutChannel);

      Migration migration = migrate(machine, memory);

      assertEquals(Status.FAILED, migration.result().get(30, TimeUnit.SECONDS).status());
      assertThrows(Exception.class, () -> other.get(30, TimeUnit.SECONDS));
      assertStillHere(machine, host);
    }
  }

  /** A destination that dies at a point of the protocol: the last frame that it reads. */
  @ParameterizedTest
  @CsvSource({
    "HELLO, 0", "PAGES, 0", "LINK, 0", "STATE, 0", "GO, 0", // memory is copied
    "HELLO, 1", "MEMORY, 1", "LINK, 1", "STATE, 1", "GO, 1" // memory is handed over
  })
  void destinationThatDies_leavesTheGuestHere(String last, long capabilities) throws Exception {
    Machine machine = start("wait=halt");
    try (SocketChannel host = connect();
        UnixListener listener = UnixListener.open(incoming())) {
      assertEchoes(host, 1000);
      listener.fd().nonBlocking(false);
      Migration migration = machine.migrate(incoming(), LIMITS);
      try (MigrationStream stream = new MigrationStream(UnixSocket.accept(listener.fd()))) {
        dieAfter(Type.valueOf(last), stream, capabilities);
      }

      assertEquals(Status.FAILED, migration.result().get(30, TimeUnit.SECONDS).status());
      assertStillHere(machine, host);
    }
    move(machine);
  }

  private static void dieAfter(Type last, MigrationStream stream) throws IOException {
    dieAfter(last, stream, 0);
  }

  private static void dieAfter(Type last, MigrationStream stream, long capabilities)
      throws IOException {
    for (MigrationStream.Frame frame = stream.read(); frame != null; frame = stream.read()) {
      frame.descriptors().forEach(Fd::close);
      if (frame.type() == last) {
        return;
      }
      switch (frame.type()) {
        case HELLO -> stream.write(Type.OK, capabilities, new byte[0], List.of());
        case PAGES -> stream.readAll(Arena.ofAuto().allocate(frame.length()));
        case STATE -> stream.write(Type.READY);
        default -> {}
      }
    }
  }

  @Test
  void cancel_whileMemoryIsSent_leavesTheGuestHere() throws Exception {
    Machine machine = start("wait=halt");
    try (SocketChannel host = connect();
        UnixListener listener = UnixListener.open(incoming())) {
      listener.fd().nonBlocking(false);
      Migration migration = machine.migrate(incoming(), LIMITS);
      try (MigrationStream stream = new MigrationStream(UnixSocket.accept(listener.fd()))) {
        stream.read(); // HELLO, which gets no answer

        assertTrue(migration.cancel());

        assertEquals(Status.CANCELLED, migration.result().get(30, TimeUnit.SECONDS).status());
      }
      assertStillHere(machine, host);
    }
  }

  @Test
  void cancel_duringTheHandover_tellsTheDestination() throws Exception {
    Machine machine = start("wait=halt");
    try (SocketChannel host = connect();
        UnixListener listener = UnixListener.open(incoming())) {
      listener.fd().nonBlocking(false);
      Migration migration = machine.migrate(incoming(), LIMITS);
      try (MigrationStream stream = new MigrationStream(UnixSocket.accept(listener.fd()))) {
        dieAfter(Type.STATE, stream); // stays alive, but never sends READY

        assertTrue(migration.cancel());

        assertEquals(Type.ABORT, stream.read().type());
        assertEquals(Status.CANCELLED, migration.result().get(30, TimeUnit.SECONDS).status());
      }
      assertStillHere(machine, host);
    }
  }

  @Test
  void close_duringAMigration_endsBoth() throws Exception {
    Machine machine = start("wait=halt");
    CompletableFuture<Machine> other = awaitGuest(incomingConfig());
    Migration migration = machine.migrate(incoming(), LIMITS);

    machine.close();

    MigrationProgress end = migration.result().get(10, TimeUnit.SECONDS);
    if (end.status() == Status.COMPLETED) {
      other.get(30, TimeUnit.SECONDS);
    } else {
      assertThrows(Exception.class, () -> other.get(30, TimeUnit.SECONDS));
    }
  }

  @Test
  void guestThatWritesTooFast_isNotStopped() throws Exception {
    Machine machine = start("wait=spin");
    byte[] block = new byte[1 << 20];
    new Random(3).nextBytes(block);
    AtomicBoolean enough = new AtomicBoolean();
    try (SocketChannel host = connect()) {
      CompletableFuture<Integer> blocks =
          CompletableFuture.supplyAsync(() -> writeUntil(enough, host, block), threads);
      Semaphore echoes = new Semaphore(0);
      CompletableFuture<Integer> echoed =
          CompletableFuture.supplyAsync(() -> readBlocks(blocks, host, block, echoes), threads);
      echoes.acquire();
      Migration migration;
      try (UnixListener listener = UnixListener.open(incoming())) {
        listener.fd().nonBlocking(false);
        migration = machine.migrate(incoming(), new MigrationLimits(Duration.ofNanos(1), 1));
        try (MigrationStream stream = new MigrationStream(UnixSocket.accept(listener.fd()))) {
          stream.read(); // HELLO
          stream.write(Type.OK);
          // Written pages are tracked from now on. The socket buffer cannot hold all of memory, so
          // the guest writes while the rest is still to be sent.
          MigrationStream.Frame pages = stream.read();
          assertEquals(Type.PAGES, pages.type());
          echoes.drainPermits();
          echoes.acquire(3);
          stream.readAll(Arena.ofAuto().allocate(pages.length()));
          dieAfter(Type.STATE, stream);
        }
      }

      MigrationProgress end = migration.result().get(30, TimeUnit.SECONDS);
      assertEquals(Status.FAILED, end.status(), end::toString);
      assertTrue(migration.failure().contains("writes faster"), migration.failure());
      enough.set(true);
      assertEquals(blocks.get(60, TimeUnit.SECONDS), echoed.get(60, TimeUnit.SECONDS));
      assertStillHere(machine, host);
    }
  }

  private static int writeUntil(AtomicBoolean enough, SocketChannel host, byte[] block) {
    int count = 0;
    while (!enough.get()) {
      write(host, block);
      count++;
    }
    return count;
  }

  /** Reads and compares blocks until all written blocks have arrived. */
  private static int readBlocks(
      CompletableFuture<Integer> written, SocketChannel host, byte[] block, Semaphore echoes) {
    ByteBuffer back = ByteBuffer.allocate(block.length);
    int count = 0;
    // While the writer has not reported the number of blocks, another one is still to come.
    while (!written.isDone() || count < written.join()) {
      back.clear();
      readRest(host, back);
      assertArrayEquals(block, back.array());
      echoes.release();
      count++;
    }
    return count;
  }

  private static void readRest(SocketChannel host, ByteBuffer target) {
    try {
      readFully(host, target.limit(target.capacity()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
