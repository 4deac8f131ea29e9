package org.microvm.machine.transfer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.GuestRam;
import org.microvm.linux.UnixSocket;
import org.microvm.machine.memory.DirtyTracker;
import org.microvm.machine.memory.MemoryRuns;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.machine.migration.MigrationMemory;
import org.microvm.machine.migration.MigrationProgress;
import org.microvm.machine.migration.MigrationProgress.Status;
import org.microvm.machine.transfer.MigrationStream.Frame;
import org.microvm.machine.transfer.MigrationStream.Type;
import org.microvm.transport.TcpTransport;
import org.microvm.transport.TcpTransportListener;
import org.microvm.transport.TestAuthority;
import org.microvm.transport.TlsCredentials;

/** How the source reacts when the destination, or the source itself, fails during the handover. */
@Timeout(60)
class OutgoingMigrationTest {
  private static final Duration SHORT = Duration.ofMillis(200);
  private static final Duration LONG = Duration.ofMinutes(5);

  @TempDir private Path directory;
  private GuestRam ram;

  @BeforeEach
  void allocate() throws ErrnoException {
    ram = GuestRam.allocate(1 << 20);
  }

  @AfterEach
  void free() {
    ram.close();
  }

  /** A guest without a VM; its memory is not tracked, because nothing writes to it. */
  private class FakeGuest implements MigrationSource, MigrationSource.Stopped {
    private volatile boolean stays;
    private volatile boolean left;

    @Override
    public byte[] description() {
      return new byte[0];
    }

    @Override
    public void warmUp() {}

    @Override
    public DirtyTracker track() throws ErrnoException {
      return new DirtyTracker(ram.memory(), List.of());
    }

    @Override
    public void flushDisks() {}

    @Override
    public boolean hasMemoryFile() {
      return true;
    }

    @Override
    public Fd memoryFile() {
      return ram.file();
    }

    @Override
    public void visitAll(MemoryRuns.Visitor visitor) {}

    @Override
    public Stopped stop() {
      return this;
    }

    @Override
    public byte[] save() {
      return new byte[100];
    }

    @Override
    public void send(MigrationStream stream, byte[] state) throws IOException {
      stream.write(Type.STATE, 0, state, List.of());
    }

    @Override
    public void sendInput(MigrationStream stream) {}

    @Override
    public void unlockDisks() throws IOException {}

    @Override
    public void commit() throws IOException {}

    @Override
    public void stay() {
      stays = true;
    }

    @Override
    public void leave() {
      left = true;
    }

    @Override
    public void close() {}
  }

  private static OutgoingMigration start(
      FakeGuest guest, MigrationStream stream, Duration handover) {
    return start(guest, stream, handover, end -> {});
  }

  private static OutgoingMigration start(
      FakeGuest guest,
      MigrationStream stream,
      Duration handover,
      Consumer<MigrationProgress> listener) {
    return start(guest, stream, handover, MigrationLimits.DEFAULT, listener);
  }

  private static OutgoingMigration start(
      FakeGuest guest,
      MigrationStream stream,
      Duration handover,
      MigrationLimits limits,
      Consumer<MigrationProgress> listener) {
    OutgoingMigration migration =
        new OutgoingMigration(
            guest,
            stream,
            limits,
            MigrationMemory.AUTO,
            new OutgoingMigration.Callbacks(listener, listener),
            handover);
    migration.start();
    return migration;
  }

  /** Acts as the destination up to the state. */
  private static void readToState(MigrationStream stream) throws IOException {
    assertEquals(Type.HELLO, stream.read().type());
    stream.write(Type.OK, MigrationStream.TAKES_MEMORY, new byte[0], List.of());
    Frame frame = stream.read();
    while (frame.type() != Type.STATE) {
      frame.close();
      frame = stream.read();
    }
  }

  private static void assertFailed(OutgoingMigration migration, String why) throws Exception {
    assertEquals(Status.FAILED, migration.result().get(30, TimeUnit.SECONDS).status());
    assertTrue(migration.failure().contains(why), migration.failure());
  }

  private void assertAbortIsSentOverTcp(Optional<Path> credentials) throws Exception {
    FakeGuest guest = new FakeGuest();
    InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    Optional<TlsCredentials> server = Optional.empty();
    if (credentials.isPresent()) {
      server = Optional.of(TlsCredentials.server(credentials.get()));
    }
    try (TcpTransportListener listener = new TcpTransportListener(any, server)) {
      InetSocketAddress address = new InetSocketAddress("127.0.0.1", listener.port());
      TcpTransport transport =
          credentials.isPresent()
              ? TcpTransport.to(address, TlsCredentials.client(credentials.get()), "127.0.0.1")
              : TcpTransport.to(address);
      OutgoingMigration migration = start(guest, new MigrationStream(transport), SHORT);
      try (MigrationStream stream = new MigrationStream(listener.accept())) {
        stream.open();
        readToState(stream);

        assertEquals(Type.ABORT, stream.read().type()); // instead of READY
        assertFailed(migration, "took longer");
        assertFalse(guest.stays || guest.left);
      }
    }
  }

  @Test
  void destinationThatNeverIsReady_getsAnAbortOverTcp() throws Exception {
    assertAbortIsSentOverTcp(Optional.empty());
  }

  @Test
  void destinationThatNeverIsReady_getsAnAbortOverTls() throws Exception {
    assertAbortIsSentOverTcp(
        Optional.of(new TestAuthority().writeCredentials(directory.resolve("pki"))));
  }

  @Test
  void destinationThatNeverIsReady_getsAnAbortOverAUnixSocket() throws Exception {
    FakeGuest guest = new FakeGuest();
    Fd[] sockets = UnixSocket.pair();
    OutgoingMigration migration = start(guest, new MigrationStream(sockets[0]), SHORT);
    try (MigrationStream stream = new MigrationStream(sockets[1])) {
      readToState(stream);

      assertEquals(Type.ABORT, stream.read().type());
      assertFailed(migration, "took longer");
    }
  }

  /** A destination that is ready and reads the end of the stream without ABORT runs the guest. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void diskThatCannotBeUnlocked_abortsBeforeTheGuestContinuesHere(boolean ended) throws Exception {
    FakeGuest guest =
        new FakeGuest() {
          @Override
          public void unlockDisks() throws IOException {
            if (!ended) {
              throw new IOException("no space left");
            }
          }

          @Override
          public void commit() throws IOException {
            throw new IOException("the guest has ended");
          }
        };
    Fd[] sockets = UnixSocket.pair();
    OutgoingMigration migration = start(guest, new MigrationStream(sockets[0]), LONG);
    try (MigrationStream stream = new MigrationStream(sockets[1])) {
      readToState(stream);
      stream.write(Type.READY);

      Frame last = stream.read();

      assertEquals(Type.ABORT, last.type());
      assertFailed(migration, ended ? "has ended" : "no space left");
      assertNull(stream.read());
    }
  }

  @Test
  void answerOfAnotherType_isRefusedWithAnAbort() throws Exception {
    Fd[] sockets = UnixSocket.pair();
    OutgoingMigration migration = start(new FakeGuest(), new MigrationStream(sockets[0]), LONG);
    try (MigrationStream stream = new MigrationStream(sockets[1])) {
      readToState(stream);
      stream.write(Type.RUNNING);

      assertEquals(Type.ABORT, stream.read().type());
      assertFailed(migration, "sent RUNNING, expected READY");
    }
  }

  @Test
  void destinationThatTakesOver_getsNoAbort() throws Exception {
    FakeGuest guest = new FakeGuest();
    Fd[] sockets = UnixSocket.pair();
    OutgoingMigration migration = start(guest, new MigrationStream(sockets[0]), LONG);
    try (MigrationStream stream = new MigrationStream(sockets[1])) {
      takeOver(stream);
    }

    assertEquals(Status.COMPLETED, migration.result().get(30, TimeUnit.SECONDS).status());
    assertTrue(guest.left);
  }

  @Test
  void downtimeWithoutEnd_isALimit() throws Exception {
    FakeGuest guest = new FakeGuest();
    Fd[] sockets = UnixSocket.pair();
    MigrationLimits limits =
        MigrationLimits.DEFAULT.withDowntime(Duration.ofSeconds(Long.MAX_VALUE, 999_999_999));
    OutgoingMigration migration =
        start(guest, new MigrationStream(sockets[0]), LONG, limits, end -> {});
    try (MigrationStream stream = new MigrationStream(sockets[1])) {
      takeOver(stream);
    }

    assertEquals(Status.COMPLETED, migration.result().get(30, TimeUnit.SECONDS).status());
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void listenerThatFails_doesNotDecideWhereTheGuestRuns(boolean accepted) throws Exception {
    FakeGuest guest = new FakeGuest();
    Fd[] sockets = UnixSocket.pair();
    OutgoingMigration migration =
        start(
            guest,
            new MigrationStream(sockets[0]),
            LONG,
            now -> {
              throw new AssertionError("a listener that fails");
            });
    try (MigrationStream stream = new MigrationStream(sockets[1])) {
      if (accepted) {
        takeOver(stream);
      } else {
        readToState(stream);
        stream.write(Type.FAILED, "no memory");
      }
    }

    Status expected = accepted ? Status.COMPLETED : Status.FAILED;
    assertEquals(expected, migration.result().get(30, TimeUnit.SECONDS).status());
    assertEquals(accepted, guest.left);
  }

  /**
   * Without ABORT the destination would interpret the end of the stream as the death of the source.
   */
  @Test
  void errorAfterReady_abortsBeforeTheGuestContinuesHere() throws Exception {
    FakeGuest guest =
        new FakeGuest() {
          @Override
          public void unlockDisks() {
            throw new OutOfMemoryError("of this test");
          }
        };
    Fd[] sockets = UnixSocket.pair();
    OutgoingMigration migration = start(guest, new MigrationStream(sockets[0]), LONG);
    try (MigrationStream stream = new MigrationStream(sockets[1])) {
      readToState(stream);
      stream.write(Type.READY);

      assertEquals(Type.ABORT, stream.read().type());
      assertFailed(migration, "of this test");
    }
  }

  /** A guest whose state exceeds what a socket holds. */
  private FakeGuest largeGuest(CountDownLatch saved) {
    return new FakeGuest() {
      @Override
      public byte[] save() {
        saved.countDown();
        return new byte[4 << 20];
      }
    };
  }

  /** Accepts the guest, and reads no more. */
  private static void accept(MigrationStream stream) throws IOException {
    assertEquals(Type.HELLO, stream.read().type());
    stream.write(Type.OK, MigrationStream.TAKES_MEMORY, new byte[0], List.of());
  }

  @Test
  void destinationThatReadsNoState_losesTheGuest() throws Exception {
    FakeGuest guest = largeGuest(new CountDownLatch(1));
    Fd[] sockets = UnixSocket.pair();
    OutgoingMigration migration = start(guest, new MigrationStream(sockets[0]), SHORT);
    try (MigrationStream stream = new MigrationStream(sockets[1])) {
      accept(stream);

      assertFailed(migration, "took longer");
      assertFalse(guest.stays || guest.left);
    }
  }

  @Test
  void migrationToADestinationThatReadsNoState_canBeCancelled() throws Exception {
    CountDownLatch saved = new CountDownLatch(1);
    Fd[] sockets = UnixSocket.pair();
    OutgoingMigration migration = start(largeGuest(saved), new MigrationStream(sockets[0]), LONG);
    try (MigrationStream stream = new MigrationStream(sockets[1])) {
      accept(stream);
      saved.await();

      assertTrue(migration.cancel());
      assertEquals(Status.CANCELLED, migration.result().get(30, TimeUnit.SECONDS).status());
    }
  }

  /** It may run the guest later, or be killed, so the guest must not run here. */
  @Test
  void destinationThatDoesNotSendRunning_isNotWaitedForWhenTheMachineIsClosed() throws Exception {
    FakeGuest guest = new FakeGuest();
    Fd[] sockets = UnixSocket.pair();
    OutgoingMigration migration = start(guest, new MigrationStream(sockets[0]), SHORT);
    try (MigrationStream stream = new MigrationStream(sockets[1])) {
      readToState(stream);
      stream.write(Type.READY);
      assertEquals(Type.GO, stream.read().type());

      migration.endWithMachine();

      assertFailed(migration, "did not confirm");
      assertTrue(guest.stays);
    }
  }

  /** A client that connects to a port's path after the migration must reach the destination. */
  @Test
  void migration_endsWhenTheDestinationHasTakenOverThePaths() throws Exception {
    Fd[] sockets = UnixSocket.pair();
    OutgoingMigration migration = start(new FakeGuest(), new MigrationStream(sockets[0]), LONG);
    try (MigrationStream stream = new MigrationStream(sockets[1])) {
      takeOver(stream);

      assertThrows(
          TimeoutException.class, () -> migration.result().get(100, TimeUnit.MILLISECONDS));
    }
    assertEquals(Status.COMPLETED, migration.result().get(30, TimeUnit.SECONDS).status());
  }

  private void takeOver(MigrationStream stream) throws IOException {
    readToState(stream);
    stream.write(Type.READY);
    assertEquals(Type.GO, stream.read().type());
    stream.write(Type.RUNNING);
  }
}
