package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.microvm.machine.SerialEcho.assertEchoes;
import static org.microvm.machine.SerialEcho.write;

import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.microvm.linux.UnixListener;
import org.microvm.linux.UnixSocket;
import org.microvm.machine.migration.Migration;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.machine.migration.MigrationMemory;
import org.microvm.machine.migration.MigrationProgress;
import org.microvm.machine.migration.MigrationProgress.Status;
import org.microvm.machine.transfer.MigrationStream;
import org.microvm.machine.transfer.MigrationStream.Type;
import org.microvm.testing.RequiresKvm;

/**
 * Guests that are migrated from machine to machine while a host program exchanges data with them.
 */
@RequiresKvm
@Timeout(120)
class MigrationTest extends MigrationFixture {
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
      try (UnixListener listener = destination()) {
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
}
