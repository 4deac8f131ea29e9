package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.microvm.machine.SerialEcho.assertEchoes;
import static org.microvm.machine.SerialEcho.readFully;
import static org.microvm.machine.SerialEcho.write;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.linux.Fd;
import org.microvm.linux.UnixListener;
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
import org.microvm.virtioserial.backend.UnixServerBackend;

/** Machines that migrate over a unix socket. */
abstract class MigrationFixture {
  static final int MEMORY = SerialEcho.MEMORY;
  static final MigrationLimits LIMITS = new MigrationLimits(Duration.ofMillis(100), 1000);

  @TempDir private Path directory;
  final List<Machine> machines = new CopyOnWriteArrayList<>();

  /** The common pool has too few threads for tasks that wait for each other. */
  final ExecutorService threads = Executors.newCachedThreadPool();

  @AfterEach
  void close() {
    machines.forEach(Machine::close);
    threads.shutdownNow();
  }

  Path channel() {
    return directory.resolve("channel");
  }

  Path incoming() {
    return directory.resolve("incoming");
  }

  MachineConfig config(String words) {
    return SerialEcho.config(words, loop -> UnixServerBackend.listen(channel(), false)).build();
  }

  MachineConfig incomingConfig() {
    return SerialEcho.config("", loop -> UnixServerBackend.listenAtTakeover(channel())).build();
  }

  Machine start(String words) throws Exception {
    Machine machine = Machine.create(config(words));
    machines.add(machine);
    machine.start();
    return machine;
  }

  /** Waits for one guest on a separate thread. */
  CompletableFuture<Machine> awaitGuest(MachineConfig config) throws IOException {
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

  Machine move(Machine from) throws Exception {
    return move(from, MigrationMemory.AUTO);
  }

  Machine move(Machine from, MigrationMemory memory) throws Exception {
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

  /** Listens where a test acts as the destination. */
  UnixListener destination() throws IOException {
    UnixListener listener = UnixListener.open(incoming());
    listener.fd().nonBlocking(false);
    return listener;
  }

  Migration migrate(Machine from, MigrationMemory memory) throws MachineException {
    return from.migrate(new MigrationAddress.Unix(incoming()), LIMITS, memory);
  }

  SocketChannel connect() throws IOException {
    return SocketChannel.open(UnixDomainSocketAddress.of(channel()));
  }

  void assertStillHere(Machine machine, SocketChannel host) throws Exception {
    assertFalse(machine.isPaused());
    assertFalse(machine.end().isDone());
    assertEchoes(host, 100_000);
  }

  static void dieAfter(Type last, MigrationStream stream) throws IOException {
    dieAfter(last, stream, 0);
  }

  static void dieAfter(Type last, MigrationStream stream, long capabilities) throws IOException {
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

  static int writeUntil(AtomicBoolean enough, SocketChannel host, byte[] block) {
    int count = 0;
    while (!enough.get()) {
      write(host, block);
      count++;
    }
    return count;
  }

  /** Reads and compares blocks until all written blocks have arrived. */
  static int readBlocks(
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

  static void readRest(SocketChannel host, ByteBuffer target) {
    try {
      readFully(host, target.limit(target.capacity()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
