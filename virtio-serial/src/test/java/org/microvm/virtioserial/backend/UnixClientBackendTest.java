package org.microvm.virtioserial.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.UnixSocket;

/** A client of a server whose queue of waiting connections is full. */
@Timeout(30)
class UnixClientBackendTest {
  @TempDir private Path directory;
  private final List<Fd> waiting = new ArrayList<>();
  private ServerSocketChannel server;
  private Path path;

  @BeforeEach
  void fillQueue() throws IOException {
    path = directory.resolve("server");
    server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    server.bind(UnixDomainSocketAddress.of(path), 1);
    ErrnoException full =
        assertThrows(
            ErrnoException.class,
            () -> {
              while (true) {
                waiting.add(UnixSocket.connect(path));
              }
            });
    assertEquals(Errno.EAGAIN, full.errno());
  }

  @AfterEach
  void close() throws IOException {
    waiting.forEach(Fd::close);
    server.close();
  }

  @Test
  void fullQueue_isWaitedFor() throws Exception {
    FutureTask<UnixClientBackend> backend = new FutureTask<>(() -> UnixClientBackend.connect(path));
    Thread connecting = Thread.ofPlatform().start(backend);
    while (connecting.isAlive() && connecting.getState() != Thread.State.TIMED_WAITING) {
      Thread.onSpinWait();
    }

    server.accept().close();

    backend.get().close();
  }

  @Test
  void interruptedThread_doesNotWait() {
    Thread.currentThread().interrupt();

    ErrnoException busy = assertThrows(ErrnoException.class, () -> UnixClientBackend.connect(path));

    assertTrue(Thread.interrupted());
    assertEquals(Errno.EAGAIN, busy.errno());
  }
}
