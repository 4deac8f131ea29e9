package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.microvm.machine.SerialEcho.assertEchoes;

import java.io.UncheckedIOException;
import java.nio.channels.SocketChannel;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.microvm.linux.UnixListener;
import org.microvm.linux.UnixSocket;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.migration.Migration;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.machine.migration.MigrationMemory;
import org.microvm.machine.migration.MigrationProgress;
import org.microvm.machine.migration.MigrationProgress.Status;
import org.microvm.machine.transfer.MigrationStream;
import org.microvm.machine.transfer.MigrationStream.Type;
import org.microvm.syscall.FaultInjection;
import org.microvm.testing.RequiresKvm;

/** Destinations that refuse, die or are cancelled, and where the guest runs afterwards. */
@RequiresKvm
@Timeout(120)
class MigrationFailureTest extends MigrationFixture {
  @Test
  void noDestination_isRefused() throws Exception {
    Machine machine = start("");

    assertThrows(MachineException.class, () -> machine.migrate(incoming(), LIMITS));
  }

  @Test
  void destinationOfAnotherSize_refusesAndTheGuestContinuesHere() throws Exception {
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
  void destinationWithoutThePort_refusesTheStateAndTheGuestContinuesHere(MigrationMemory memory)
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
        UnixListener listener = destination()) {
      assertEchoes(host, 1000);
      Migration migration = machine.migrate(incoming(), LIMITS);
      try (MigrationStream stream = new MigrationStream(UnixSocket.accept(listener.fd()))) {
        dieAfter(Type.valueOf(last), stream, capabilities);
      }

      assertEquals(Status.FAILED, migration.result().get(30, TimeUnit.SECONDS).status());
      assertStillHere(machine, host);
    }
    move(machine);
  }

  @Test
  void destinationThatDoesNotKnowWhetherTheGuestIsToRun_leavesItHere() throws Exception {
    Machine machine = start("wait=halt");
    MachineConfig config = incomingConfig();
    try (SocketChannel host = connect();
        IncomingMigration incoming = IncomingMigration.listen(incoming())) {
      CompletableFuture<Machine> arrived =
          CompletableFuture.supplyAsync(
              () -> {
                try {
                  return incoming.receive(
                      config,
                      () -> {
                        throw new AssertionError("a supplier that fails");
                      });
                } catch (MachineException e) {
                  throw new CompletionException(e);
                }
              },
              threads);

      Migration migration = migrate(machine, MigrationMemory.AUTO);

      assertEquals(Status.FAILED, migration.result().get(30, TimeUnit.SECONDS).status());
      assertTrue(migration.failure().contains("a supplier that fails"), migration.failure());
      assertThrows(Exception.class, () -> arrived.get(30, TimeUnit.SECONDS));
      assertStillHere(machine, host);
    }
  }

  @Test
  void cancel_whileMemoryIsSent_leavesTheGuestHere() throws Exception {
    Machine machine = start("wait=halt");
    try (SocketChannel host = connect();
        UnixListener listener = destination()) {
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
  void cancel_duringTheHandover_isSentToTheDestination() throws Exception {
    Machine machine = start("wait=halt");
    try (SocketChannel host = connect();
        UnixListener listener = destination()) {
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
  void powerButton_pressedOnceTheStateIsSaved_isRefusedUntilTheGuestStays() throws Exception {
    Machine machine = start("wait=halt");
    try (UnixListener listener = destination()) {
      Migration migration = machine.migrate(incoming(), LIMITS);
      try (MigrationStream stream = new MigrationStream(UnixSocket.accept(listener.fd()))) {
        dieAfter(Type.STATE, stream);

        assertThrows(UncheckedIOException.class, machine::pressPowerButton);

        migration.cancel();
        migration.result().get(30, TimeUnit.SECONDS);
      }
      assertFalse(machine.pressPowerButton(), "this guest does not use ACPI");
    }
  }

  @Test
  void destination_thatIsClosedWhileAGuestArrives_takesThisGuest() throws Exception {
    Machine machine = start("wait=halt");
    MachineConfig config = incomingConfig();
    IncomingMigration incoming =
        IncomingMigration.listen(new MigrationAddress.Unix(incoming()), config);
    AtomicBoolean closed = new AtomicBoolean();
    CompletableFuture<Thread> receiver = new CompletableFuture<>();
    CompletableFuture<Machine> arrived =
        CompletableFuture.supplyAsync(
            () -> {
              receiver.complete(Thread.currentThread());
              try {
                return incoming.receive(config);
              } catch (MachineException e) {
                throw new CompletionException(e);
              }
            });
    Thread receives = receiver.join();
    FaultInjection.Rule closing =
        (kind, fd) -> {
          // The receiver inspects the machine that is prepared.
          if (Thread.currentThread() == receives
              && kind.startsWith("ioctl")
              && !closed.getAndSet(true)) {
            incoming.close();
          }
          return 0;
        };
    try (FaultInjection _ = FaultInjection.by(closing)) {
      Migration migration = machine.migrate(incoming(), LIMITS);

      MigrationProgress end = migration.result().get(60, TimeUnit.SECONDS);
      assertEquals(Status.COMPLETED, end.status(), migration.failure());
    }
    assertTrue(closed.get());
    machines.add(arrived.get(10, TimeUnit.SECONDS));
  }

  @Test
  void close_duringTheHandover_isSentToTheDestination() throws Exception {
    Machine machine = start("wait=halt");
    try (UnixListener listener = destination()) {
      Migration migration = machine.migrate(incoming(), LIMITS);
      try (MigrationStream stream = new MigrationStream(UnixSocket.accept(listener.fd()))) {
        dieAfter(Type.STATE, stream); // stays alive, but never sends READY

        machine.close();

        assertEquals(Type.ABORT, stream.read().type());
        assertEquals(Status.CANCELLED, migration.result().get(10, TimeUnit.SECONDS).status());
      }
    }
  }
}
