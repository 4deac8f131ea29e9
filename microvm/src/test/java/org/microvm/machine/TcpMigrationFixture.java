package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;
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
import org.microvm.transport.TcpTransport;
import org.microvm.transport.TcpTransportListener;
import org.microvm.virtioserial.backend.UnixServerBackend;

/** Machines that migrate over TCP, with and without TLS. */
abstract class TcpMigrationFixture {
  static final MigrationLimits LIMITS = new MigrationLimits(Duration.ofMillis(100), 1000);

  /** For a guest that writes faster than an emulated processor encrypts. */
  static final MigrationLimits PATIENT = LIMITS.withDowntime(Duration.ofSeconds(10));

  static final String HOST = "127.0.0.1";
  static final Tcp ANY_PORT = new Tcp(HOST, 0, Optional.empty());

  @TempDir Path directory;
  final List<Machine> machines = new CopyOnWriteArrayList<>();
  final ExecutorService threads = Executors.newCachedThreadPool();

  @AfterEach
  void close() {
    machines.forEach(Machine::close);
    threads.shutdownNow();
  }

  /** A machine with its own socket path, because another host has another file system. */
  MachineConfig config(String name) {
    return SerialEcho.config(
            "wait=halt", loop -> UnixServerBackend.listen(directory.resolve(name), false))
        .build();
  }

  Machine start(String name) throws Exception {
    Machine machine = Machine.create(config(name));
    machines.add(machine);
    machine.start();
    return machine;
  }

  SocketChannel connect(String name) throws IOException {
    return SocketChannel.open(UnixDomainSocketAddress.of(directory.resolve(name)));
  }

  CompletableFuture<Machine> receive(IncomingMigration incoming, String name) {
    return ReceivedMachine.of(incoming, config(name), machines::add, threads);
  }

  static MigrationProgress end(Migration migration) throws Exception {
    return migration.result().get(60, TimeUnit.SECONDS);
  }

  Machine move(Machine from, MigrationAddress at, String name) throws Exception {
    IncomingMigration incoming = IncomingMigration.listen(at);
    CompletableFuture<Machine> next = receive(incoming, name);
    Migration migration = from.migrate(incoming.address(), PATIENT);
    assertEquals(Status.COMPLETED, end(migration).status(), migration.failure());
    assertEquals(new MachineEnd.Migrated(), from.end().get(10, TimeUnit.SECONDS));
    from.close();
    return next.get(10, TimeUnit.SECONDS);
  }

  /** Sends numbered bytes over consecutive connections and counts them on both sides. */
  final class NumberedClient {
    long sent;
    long received;

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

    void readToTheEnd(SocketChannel host, CountDownLatch busy) {
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

    void check(ByteBuffer block) {
      while (block.hasRemaining()) {
        byte next = block.get();
        if (next != number(received)) { // megabytes of them: no message for each
          assertEquals(number(received), next, "byte " + received);
        }
        received++;
      }
    }

    static byte number(long index) {
      return (byte) (index ^ index >>> 8 ^ index >>> 16);
    }
  }

  interface Action {
    void run() throws Exception;
  }

  static void unchecked(Action action) {
    try {
      action.run();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (Exception e) {
      throw new CompletionException(e);
    }
  }

  /** Listens where a test acts as the destination. */
  static TcpTransportListener destination() throws IOException {
    return new TcpTransportListener(
        new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), Optional.empty());
  }

  static Migration migrate(Machine machine, TcpTransportListener destination)
      throws MachineException {
    return machine.migrate(new Tcp(HOST, destination.port(), Optional.empty()), LIMITS);
  }

  /** Simulates a destination, which disconnects after it has read a given frame. */
  Migration migrateToOneThatGoes(Machine machine, Type last) throws Exception {
    try (TcpTransportListener listener = destination()) {
      Migration migration = migrate(machine, listener);
      try (MigrationStream stream = new MigrationStream(listener.accept())) {
        stream.open();
        readUpTo(last, stream);
      }
      return migration;
    }
  }

  static void readUpTo(Type last, MigrationStream stream) throws IOException {
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

  /** The frames that a source sends, recorded so that a test can replay some of them. */
  record Said(byte[] hello, List<Page> pages, byte[] state) {
    /** A PAGES frame. */
    record Page(long offset, byte[] bytes) {}
  }

  /** Records the frames of a machine's migration, then refuses the guest. */
  Said listenTo(Machine machine) throws Exception {
    byte[] hello = null;
    List<Said.Page> pages = new CopyOnWriteArrayList<>();
    try (TcpTransportListener listener = destination()) {
      Migration migration = migrate(machine, listener);
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
  static MigrationStream say(Said said, MigrationAddress to) throws IOException {
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
}
