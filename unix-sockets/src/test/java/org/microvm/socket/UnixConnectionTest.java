package org.microvm.socket;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Connections to unix sockets, and the errors of those that cannot be made. */
class UnixConnectionTest {
  @TempDir Path directory;

  @Test
  void server_listens_isConnected() throws Exception {
    Path path = directory.resolve("socket");
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(path));

      try (SocketChannel client = UnixConnection.open(path);
          SocketChannel accepted = server.accept()) {
        client.write(ByteBuffer.wrap(new byte[] {7}));
        ByteBuffer received = ByteBuffer.allocate(1);
        accepted.read(received);

        assertEquals(7, received.get(0));
      }
    }
  }

  @Test
  void path_ofTheGreatestLength_isConnected() throws Exception {
    Path path = pathOf(UnixConnection.MAX_PATH_BYTES);
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(path));

      try (SocketChannel client = UnixConnection.open(path)) {
        assertTrue(client.isConnected());
      }
    }
  }

  @Test
  void path_tooLong_errorSaysWhatIsAccepted() {
    Path path = pathOf(UnixConnection.MAX_PATH_BYTES + 1);

    IOException failure = assertThrows(IOException.class, () -> UnixConnection.open(path));

    assertEquals(
        "cannot connect to %s: a socket's path has at most 106 bytes, this one has 107"
            .formatted(path),
        failure.getMessage());
  }

  private Path pathOf(int bytes) {
    return directory.resolve("s".repeat(bytes - directory.toString().length() - 1));
  }

  @Test
  void server_missing_errorNamesThePath() {
    Path path = directory.resolve("missing");

    IOException failure = assertThrows(IOException.class, () -> UnixConnection.open(path));

    assertTrue(
        failure.getMessage().startsWith("cannot connect to " + path + ": "), failure.getMessage());
  }

  @Test
  void caller_interrupted_getsAnExceptionAndStaysInterrupted() {
    Path path = directory.resolve("socket");
    Thread.currentThread().interrupt();

    InterruptedIOException end;
    boolean stillInterrupted;
    try {
      end = assertThrows(InterruptedIOException.class, () -> UnixConnection.open(path));
    } finally {
      stillInterrupted = Thread.interrupted();
    }

    assertEquals("interrupted while connecting to " + path, end.getMessage());
    assertInstanceOf(ClosedByInterruptException.class, end.getCause());
    assertTrue(stillInterrupted);
  }

  @Test
  void backlog_full_virtualThreadsWaitForRoom() throws Exception {
    Path path = directory.resolve("socket");
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
      server.bind(UnixDomainSocketAddress.of(path), 1);
      List<Future<SocketChannel>> connections = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        connections.add(clients.submit(() -> UnixConnection.open(path)));
      }
      awaitThreads(path, 6); // those for which there is no room

      for (Future<SocketChannel> connection : connections) {
        server.accept().close();
      }
      for (Future<SocketChannel> connection : connections) {
        connection.get(20, TimeUnit.SECONDS).close();
      }
    }
  }

  @Test
  void caller_interruptedOnAVirtualThreadThatWaits_isToldSo() throws Exception {
    Path path = directory.resolve("socket");
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
      server.bind(UnixDomainSocketAddress.of(path), 1);
      try (SocketChannel _ = UnixConnection.open(path);
          SocketChannel _ = UnixConnection.open(path)) {
        CompletableFuture<Thread> waiting = new CompletableFuture<>();
        Future<Boolean> connection =
            clients.submit(
                () -> {
                  waiting.complete(Thread.currentThread());
                  assertThrows(InterruptedIOException.class, () -> UnixConnection.open(path));
                  return Thread.interrupted();
                });
        awaitThreads(path, 1);

        waiting.get().interrupt();

        assertTrue(connection.get(20, TimeUnit.SECONDS));
      }
    }
  }

  /** Waits until so many threads are in a call that connects. */
  private static void awaitThreads(Path path, int count) {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (Thread.getAllStackTraces().keySet().stream()
            .filter(thread -> thread.getName().equals("connect " + path))
            .count()
        < count) {
      assertTrue(System.nanoTime() < deadline, "no thread waits for room in the backlog");
      Thread.onSpinWait();
    }
  }
}
