package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.microvm.machine.SerialEcho.assertEchoes;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.bindings.Linux;
import org.microvm.linux.Fd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.migration.Migration;
import org.microvm.machine.migration.MigrationAddress.Tcp;
import org.microvm.machine.migration.MigrationAddress.Tls;
import org.microvm.machine.migration.MigrationProgress.Status;
import org.microvm.machine.transfer.MigrationStream;
import org.microvm.machine.transfer.MigrationStream.Type;
import org.microvm.testing.RequiresKvm;
import org.microvm.transport.TcpTransport;
import org.microvm.transport.TcpTransportListener;
import org.microvm.transport.TestAuthority;

/** Connections and peers that fail, and where the guest runs afterwards. */
@RequiresKvm
@Timeout(120)
class TcpMigrationFailureTest extends TcpMigrationFixture {
  @Test
  void strangersDestination_isRefusedAndTheGuestContinuesHere() throws Exception {
    Machine machine = start("here");
    Tls ours = new Tls(new TestAuthority().writeCredentials(directory.resolve("ours")));
    Tls theirs = new Tls(new TestAuthority().writeCredentials(directory.resolve("theirs")));
    try (SocketChannel host = connect("here");
        IncomingMigration incoming =
            IncomingMigration.listen(new Tcp(HOST, 0, Optional.of(theirs)))) {
      receive(incoming, "there");
      int port = ((Tcp) incoming.address()).port();

      Migration migration = machine.migrate(new Tcp(HOST, port, Optional.of(ours)), LIMITS);

      assertEquals(Status.FAILED, end(migration).status());
      assertTrue(migration.failure().contains("TLS"), migration.failure());
      assertEchoes(host, "still here");
    }
  }

  @Test
  void destinationWithoutTls_failsAndTheSourceAsksForIt() throws Exception {
    Machine machine = start("here");
    Tls tls = new Tls(new TestAuthority().writeCredentials(directory.resolve("pki")));
    try (IncomingMigration incoming = IncomingMigration.listen(ANY_PORT)) {
      receive(incoming, "there");
      int port = ((Tcp) incoming.address()).port();

      Migration migration = machine.migrate(new Tcp(HOST, port, Optional.of(tls)), LIMITS);

      assertEquals(Status.FAILED, end(migration).status());
      assertTrue(migration.failure().endsWith("does it use TLS?"), migration.failure());
    }
  }

  @Test
  void sourceWithoutTls_failsAndSaysWhatTheDestinationUses() throws Exception {
    Machine machine = start("here");
    Tls tls = new Tls(new TestAuthority().writeCredentials(directory.resolve("pki")));
    try (IncomingMigration incoming =
        IncomingMigration.listen(new Tcp(HOST, 0, Optional.of(tls)))) {
      receive(incoming, "there");
      int port = ((Tcp) incoming.address()).port();

      Migration migration = machine.migrate(new Tcp(HOST, port, Optional.empty()), LIMITS);

      assertEquals(Status.FAILED, end(migration).status());
      assertTrue(migration.failure().contains("the peer uses TLS"), migration.failure());
    }
  }

  @Test
  void noDestination_failsAndTheGuestContinuesHere() throws Exception {
    Machine machine = start("here");
    IncomingMigration closed = IncomingMigration.listen(ANY_PORT);
    closed.close();
    try (SocketChannel host = connect("here")) {
      Migration migration = machine.migrate(closed.address(), LIMITS);

      assertEquals(Status.FAILED, end(migration).status());
      assertTrue(migration.failure().contains("run --incoming"), migration.failure());
      assertEchoes(host, "still here");
    }
  }

  @Test
  void missingCredentials_areRefusedAtOnce() throws Exception {
    Machine machine = start("here");
    Tls nothing = new Tls(directory.resolve("nothing"));

    MachineException refused =
        assertThrows(
            MachineException.class,
            () -> machine.migrate(new Tcp(HOST, 1, Optional.of(nothing)), LIMITS));

    assertTrue(refused.getMessage().contains("is missing"), refused.getMessage());
  }

  @ParameterizedTest
  @ValueSource(strings = {"HELLO", "PAGES", "STATE"})
  void connectionLostBeforeGo_leavesTheGuestHere(String last) throws Exception {
    Machine machine = start("here");
    try (SocketChannel host = connect("here")) {
      assertEchoes(host, "here");

      Migration migration = migrateToOneThatGoes(machine, Type.valueOf(last));

      assertEquals(Status.FAILED, end(migration).status());
      assertFalse(machine.isPaused());
      assertEchoes(host, "still here");
    }
  }

  @Test
  void connectionLostAfterGo_keepsTheGuestPausedUntilItIsResumed() throws Exception {
    Machine machine = start("here");
    try (SocketChannel host = connect("here")) {
      assertEchoes(host, "here");

      Migration migration = migrateToOneThatGoes(machine, Type.GO);

      assertEquals(Status.FAILED, end(migration).status());
      assertTrue(migration.failure().contains("`cont`"), migration.failure());
      assertTrue(machine.isPaused());
      assertFalse(machine.end().isDone());
    }
    machine.resume();
    try (SocketChannel host = connect("here")) {
      assertEchoes(host, "here again");
    }
    move(machine, ANY_PORT, "there");
  }

  @Test
  void refusalAfterGo_leavesTheGuestHere() throws Exception {
    Machine machine = start("here");
    try (TcpTransportListener listener = destination()) {
      Migration migration = migrate(machine, listener);
      try (MigrationStream stream = new MigrationStream(listener.accept())) {
        stream.open();
        readUpTo(Type.GO, stream);
        stream.write(Type.FAILED, "no disk");

        assertEquals(Status.FAILED, end(migration).status());
      }
      assertTrue(migration.failure().contains("no disk"), migration.failure());
      assertFalse(machine.isPaused());
    }
  }

  @Test
  void guestThatKnowsMoreFeatures_isRefused() throws Exception {
    Said said = listenTo(start("here"));
    byte[] hello = said.hello();
    int topology = 3 * Short.BYTES;
    int end = hello.length - topology; // of the CPU features, whose last word becomes all ones
    java.util.Arrays.fill(hello, end - Integer.BYTES, end, (byte) 0xff);
    IncomingMigration incoming = IncomingMigration.listen(ANY_PORT);
    receive(incoming, "there");
    Tcp to = (Tcp) incoming.address();

    try (MigrationStream stream =
        new MigrationStream(
            TcpTransport.to(InetSocketAddress.createUnresolved(to.host(), to.port())))) {
      stream.open();
      stream.write(Type.HELLO, MigrationStream.VERSION, hello, List.of());
      MigrationStream.Frame answer = stream.read();

      assertEquals(Type.FAILED, answer.type());
      assertTrue(answer.text().contains("0x40000001"), answer.text());
    }
  }

  @Test
  void sourceLostBeforeGo_theGuestIsKeptPausedUntilItIsResumed() throws Exception {
    Machine source = start("here");
    Said said = listenTo(source);
    IncomingMigration incoming = IncomingMigration.listen(ANY_PORT);
    CompletableFuture<Machine> received = receive(incoming, "there");

    say(said, incoming.address()).close();

    Machine machine = received.get(30, TimeUnit.SECONDS);
    assertTrue(machine.isPaused());
    assertEquals(source.generation(), machine.generation());
    machine.resume();
    try (SocketChannel host = connect("there")) {
      assertEchoes(host, "there");
    }
  }

  /**
   * Operations that stop the vCPUs wait for the end of the handover, and then must not access the
   * guest.
   */
  @Test
  void guestThatMayRunElsewhere_isNotSavedOrRead() throws Exception {
    Machine machine = start("here");
    List<Callable<?>> uses =
        List.of(
            () -> {
              machine.snapshot(directory.resolve("snapshot"));
              return null;
            },
            () -> {
              try (Fd file = Fd.open(Files.createFile(directory.resolve("dump")), Linux.O_RDWR())) {
                machine.dumpMemory(file);
              }
              return null;
            },
            GuestInspection.of(machine)::injectNmi);
    try (TcpTransportListener listener = destination()) {
      Migration migration = migrate(machine, listener);
      List<FutureTask<?>> results = new ArrayList<>();
      try (MigrationStream stream = new MigrationStream(listener.accept())) {
        stream.open();
        readUpTo(Type.GO, stream);
        for (Callable<?> use : uses) {
          FutureTask<?> result = new FutureTask<>(use);
          results.add(result);
          Thread thread = Thread.ofPlatform().daemon().start(result);
          while (thread.getState() != Thread.State.WAITING && thread.isAlive()) {
            Thread.onSpinWait();
          }
        }
      }
      assertEquals(Status.FAILED, end(migration).status());

      for (FutureTask<?> result : results) {
        Throwable why =
            assertThrows(ExecutionException.class, () -> result.get(30, TimeUnit.SECONDS))
                .getCause();
        assertTrue(why.getMessage().contains("may run in the destination"), why.toString());
      }
    }
  }

  @Test
  void sourceThatAborts_endsTheDestination() throws Exception {
    Said said = listenTo(start("here"));
    IncomingMigration incoming = IncomingMigration.listen(ANY_PORT);
    CompletableFuture<Machine> received = receive(incoming, "there");

    try (MigrationStream stream = say(said, incoming.address())) {
      stream.write(Type.ABORT, "cancelled");

      ExecutionException ended =
          assertThrows(ExecutionException.class, () -> received.get(30, TimeUnit.SECONDS));
      assertTrue(ended.getMessage().contains("cancelled"), ended.getMessage());
    }
  }

  @Test
  void cancel_whileConnecting_endsIt() throws Exception {
    Machine machine = start("here");
    Tls tls = new Tls(new TestAuthority().writeCredentials(directory.resolve("pki")));
    // A server that never sends anything.
    try (var silent = new java.net.ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      Migration migration =
          machine.migrate(new Tcp(HOST, silent.getLocalPort(), Optional.of(tls)), LIMITS);
      silent.accept();

      assertTrue(migration.cancel());

      assertEquals(Status.CANCELLED, end(migration).status());
      assertFalse(machine.isPaused());
    }
  }
}
