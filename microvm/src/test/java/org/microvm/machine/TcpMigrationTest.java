package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.microvm.machine.SerialEcho.assertEchoes;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.migration.Migration;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.machine.migration.MigrationAddress.Tcp;
import org.microvm.machine.migration.MigrationAddress.Tls;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.machine.migration.MigrationProgress;
import org.microvm.machine.migration.MigrationProgress.Status;
import org.microvm.machine.transfer.MigrationStream;
import org.microvm.machine.transfer.MigrationStream.Type;
import org.microvm.testing.RequiresKvm;
import org.microvm.transport.TcpTransport;
import org.microvm.transport.TcpTransportListener;
import org.microvm.transport.TestAuthority;
import org.microvm.virtioserial.backend.UnixServerBackend;

/**
 * Migrations over TCP: with TLS, with connections that are cut, and with clients that reconnect.
 */
@RequiresKvm
@Timeout(120)
class TcpMigrationTest {
  private static final MigrationLimits LIMITS = new MigrationLimits(Duration.ofMillis(100), 1000);
  private static final String HOST = "127.0.0.1";
  private static final Tcp ANY_PORT = new Tcp(HOST, 0, Optional.empty());

  @TempDir private Path directory;
  private final List<Machine> machines = new CopyOnWriteArrayList<>();
  private final ExecutorService threads = Executors.newCachedThreadPool();

  @AfterEach
  void close() {
    machines.forEach(Machine::close);
    threads.shutdownNow();
  }

  /** A machine with its own socket path, because another host has another file system. */
  private MachineConfig config(String name) {
    return SerialEcho.config(
            "wait=halt", loop -> UnixServerBackend.listen(directory.resolve(name), false))
        .build();
  }

  private Machine start(String name) throws Exception {
    Machine machine = Machine.create(config(name));
    machines.add(machine);
    machine.start();
    return machine;
  }

  private SocketChannel connect(String name) throws IOException {
    return SocketChannel.open(UnixDomainSocketAddress.of(directory.resolve(name)));
  }

  private CompletableFuture<Machine> receive(IncomingMigration incoming, String name) {
    return ReceivedMachine.of(incoming, config(name), machines::add, threads);
  }

  private static MigrationProgress end(Migration migration) throws Exception {
    return migration.result().get(60, TimeUnit.SECONDS);
  }

  private Machine move(Machine from, MigrationAddress at, String name) throws Exception {
    IncomingMigration incoming = IncomingMigration.listen(at);
    CompletableFuture<Machine> next = receive(incoming, name);
    Migration migration = from.migrate(incoming.address(), LIMITS);
    assertEquals(Status.COMPLETED, end(migration).status(), migration.failure());
    assertEquals(new MachineEnd.Migrated(), from.end().get(10, TimeUnit.SECONDS));
    from.close();
    return next.get(10, TimeUnit.SECONDS);
  }

  /** Sends numbered bytes over consecutive connections and counts them on both sides. */
  private final class NumberedClient {
    private long sent;
    private long received;

    /**
     * Sends and receives until the connection ends; checks that the received bytes are in sequence.
     */
    void useUp(SocketChannel host, CountDownLatch busy) throws Exception {
      CompletableFuture<Void> reader =
          CompletableFuture.runAsync(() -> readToTheEnd(host, busy), threads);
      ByteBuffer block = ByteBuffer.allocate(8192);
      try {
        while (true) {
          block.clear();
          for (int i = 0; i < block.capacity(); i++) {
            block.put(number(sent + i));
          }
          block.flip();
          while (block.hasRemaining()) {
            // What write has accepted counts as sent: the guest must get it.
            sent += host.write(block);
          }
        }
      } catch (IOException ended) {
        reader.get(60, TimeUnit.SECONDS);
      }
    }

    private void readToTheEnd(SocketChannel host, CountDownLatch busy) {
      ByteBuffer block = ByteBuffer.allocate(65536);
      try {
        while (host.read(block.clear()) >= 0) {
          check(block.flip());
          busy.countDown();
        }
      } catch (IOException ended) {
        // A reset, because the peer closed with unread bytes; all bytes before it have been read.
        busy.countDown();
      }
    }

    /** Reads until all sent bytes have come back. */
    void readRest(SocketChannel host) throws IOException {
      while (received < sent) {
        ByteBuffer block = ByteBuffer.allocate(65536);
        assertTrue(host.read(block) >= 0, "the connection ended");
        check(block.flip());
      }
    }

    private void check(ByteBuffer block) {
      while (block.hasRemaining()) {
        assertEquals(number(received), block.get(), "byte " + received);
        received++;
      }
    }

    private static byte number(long index) {
      return (byte) (index ^ index >>> 8 ^ index >>> 16);
    }
  }

  /**
   * A client writes and reads as fast as it can until its connection ends, then connects to the
   * next machine and continues.
   */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void numberedBytes_throughReconnections_areComplete(boolean encrypted) throws Exception {
    Optional<Tls> tls =
        encrypted
            ? Optional.of(new Tls(new TestAuthority().writeCredentials(directory.resolve("pki"))))
            : Optional.empty();
    NumberedClient client = new NumberedClient();
    Machine current = start("channel0");
    for (int i = 0; i < 5; i++) {
      try (SocketChannel host = connect("channel" + i)) {
        CountDownLatch busy = new CountDownLatch(100);
        CompletableFuture<Void> use =
            CompletableFuture.runAsync(() -> unchecked(() -> client.useUp(host, busy)), threads);
        busy.await();
        current = move(current, new Tcp(HOST, 0, tls), "channel" + (i + 1));
        use.get(60, TimeUnit.SECONDS);
      }
    }
    try (SocketChannel host = connect("channel5")) {
      client.readRest(host);

      assertEquals(client.sent, client.received);
      assertEchoes(host, "nothing more");
    }
  }

  private interface Action {
    void run() throws Exception;
  }

  private static void unchecked(Action action) {
    try {
      action.run();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (Exception e) {
      throw new CompletionException(e);
    }
  }

  @Test
  void strangersDestination_isRefusedAndTheGuestGoesOnHere() throws Exception {
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
  void nobodyWaiting_failsAndTheGuestGoesOnHere() throws Exception {
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

  /** Simulates a destination, which disconnects after it has read a given frame. */
  private Migration migrateToOneThatGoes(Machine machine, Type last) throws Exception {
    try (TcpTransportListener listener =
        new TcpTransportListener(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), Optional.empty())) {
      Migration migration =
          machine.migrate(new Tcp(HOST, listener.port(), Optional.empty()), LIMITS);
      try (MigrationStream stream = new MigrationStream(listener.accept())) {
        stream.open();
        readUpTo(last, stream);
      }
      return migration;
    }
  }

  private static void readUpTo(Type last, MigrationStream stream) throws IOException {
    for (MigrationStream.Frame frame = stream.read(); frame != null; frame = stream.read()) {
      if (frame.type() == Type.PAGES) {
        stream.readAll(Arena.ofAuto().allocate(frame.length()));
      }
      if (frame.type() == last) {
        return;
      }
      if (frame.type() == Type.HELLO) {
        stream.write(Type.OK);
      } else if (frame.type() == Type.STATE) {
        stream.write(Type.READY);
      }
    }
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
    try (TcpTransportListener listener =
        new TcpTransportListener(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), Optional.empty())) {
      Migration migration =
          machine.migrate(new Tcp(HOST, listener.port(), Optional.empty()), LIMITS);
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

  /** The frames that a source sends, recorded so that a test can replay some of them. */
  private record Said(byte[] hello, List<Page> pages, byte[] state) {
    /** A PAGES frame. */
    record Page(long offset, byte[] bytes) {}
  }

  /** Records the frames of a machine's migration, then refuses the guest. */
  private Said listenTo(Machine machine) throws Exception {
    byte[] hello = null;
    List<Said.Page> pages = new CopyOnWriteArrayList<>();
    try (TcpTransportListener listener =
        new TcpTransportListener(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), Optional.empty())) {
      Migration migration =
          machine.migrate(new Tcp(HOST, listener.port(), Optional.empty()), LIMITS);
      try (MigrationStream stream = new MigrationStream(listener.accept())) {
        stream.open();
        for (; ; ) {
          MigrationStream.Frame frame = stream.read();
          switch (frame.type()) {
            case HELLO -> {
              hello = frame.payload();
              stream.write(Type.OK);
            }
            case PAGES -> {
              var bytes = Arena.ofAuto().allocate(frame.length());
              stream.readAll(bytes);
              byte[] copy = bytes.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
              pages.add(new Said.Page(frame.argument(), copy));
            }
            default -> {
              assertEquals(Type.STATE, frame.type());
              stream.write(Type.FAILED, "just listening");
              end(migration);
              return new Said(hello, pages, frame.payload());
            }
          }
        }
      }
    }
  }

  /** Simulates a source until the destination has sent READY. */
  private static MigrationStream say(Said said, MigrationAddress to) throws IOException {
    Tcp tcp = (Tcp) to;
    MigrationStream stream =
        new MigrationStream(
            TcpTransport.to(InetSocketAddress.createUnresolved(tcp.host(), tcp.port())));
    stream.open();
    stream.write(Type.HELLO, MigrationStream.VERSION, said.hello(), List.of());
    assertEquals(Type.OK, stream.read().type());
    for (Said.Page page : said.pages()) {
      stream.write(Type.PAGES, page.offset(), page.bytes(), List.of());
    }
    stream.write(Type.STATE, 0, said.state(), List.of());
    assertEquals(Type.READY, stream.read().type());
    return stream;
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
      assertTrue(answer.text().contains("0x80000008"), answer.text());
    }
  }

  @Test
  void sourceLostBeforeGo_theGuestIsKeptPausedUntilItIsResumed() throws Exception {
    Said said = listenTo(start("here"));
    IncomingMigration incoming = IncomingMigration.listen(ANY_PORT);
    CompletableFuture<Machine> received = receive(incoming, "there");

    say(said, incoming.address()).close();

    Machine machine = received.get(30, TimeUnit.SECONDS);
    assertTrue(machine.isPaused());
    machine.resume();
    try (SocketChannel host = connect("there")) {
      assertEchoes(host, "there");
    }
  }

  @Test
  void sourceThatCallsOff_endsTheDestination() throws Exception {
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
  void restOfTheHostsBytes_reachesTheGuest() throws Exception {
    Said said = listenTo(start("here"));
    IncomingMigration incoming = IncomingMigration.listen(ANY_PORT);
    CompletableFuture<Machine> received = receive(incoming, "there");
    byte[] rest = new byte[2 << 20]; // more than a port buffers
    new java.util.Random(5).nextBytes(rest);

    try (MigrationStream stream = say(said, incoming.address())) {
      stream.write(Type.REST, 1, rest, List.of());
      stream.write(Type.GO);
      assertEquals(Type.RUNNING, stream.read().type());
    }
    received.get(30, TimeUnit.SECONDS);

    ByteBuffer back = ByteBuffer.allocate(rest.length);
    try (SocketChannel host = connect("there")) {
      while (back.hasRemaining()) {
        assertTrue(host.read(back) >= 0, "the connection ended");
      }
    }
    assertArrayEquals(rest, back.array());
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
