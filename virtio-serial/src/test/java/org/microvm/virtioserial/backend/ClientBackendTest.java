package org.microvm.virtioserial.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.linux.Fd;
import org.microvm.linux.UnixSocket;

/** A host end that connects, with a port that only records its connection. */
@Timeout(30)
class ClientBackendTest {
  private final CountDownLatch accepted = new CountDownLatch(1);
  private final CompletableFuture<Thread> connecting = new CompletableFuture<>();
  private final AtomicBoolean connected = new AtomicBoolean();
  private EventLoop loop;
  private Fd[] pair;

  /** A backend that waits until its peer accepts the connection. */
  private final class Waiting extends ClientBackend {
    Waiting(Duration interval) {
      super(interval);
    }

    @Override
    HostConnection connect() {
      connecting.complete(Thread.currentThread());
      try {
        accepted.await();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
      return HostConnection.duplex(pair[0]);
    }

    @Override
    public String describe() {
      return "waiting";
    }
  }

  private final class NotingPort implements PortBackend.Port {
    @Override
    public EventLoop loop() {
      return loop;
    }

    @Override
    public void connected(HostConnection connection) {
      connected.set(true);
    }
  }

  @BeforeEach
  void open() throws ErrnoException {
    loop = EventLoop.open("client-test");
    loop.start();
    pair = UnixSocket.pair();
    pair[1].nonBlocking(false);
    UnixSocket.limitReads(pair[1], Duration.ofSeconds(10));
  }

  @AfterEach
  void close() {
    loop.close();
    pair[0].close();
    pair[1].close();
  }

  /** The end of what the peer receives: 0 once the other end is closed. */
  private long readByPeer() {
    try (Arena arena = Arena.ofConfined()) {
      return pair[1].read(arena.allocate(1));
    }
  }

  @Test
  void peerThatAcceptsAfterTheHostEndWasExchanged_isDisconnected() throws Exception {
    Waiting backend = new Waiting(Duration.ofMinutes(1));
    CountDownLatch closed = new CountDownLatch(1);
    loop.execute(() -> backend.start(new NotingPort()));
    loop.execute(
        () -> {
          backend.close();
          closed.countDown();
        });
    closed.await();

    accepted.countDown();

    assertEquals(0, readByPeer());
    assertFalse(connected.get());
  }

  @Test
  void peerThatAcceptsWhileTheLoopEnds_isDisconnected() throws Exception {
    loop.execute(() -> new Waiting(Duration.ofMinutes(1)).start(new NotingPort()));
    Thread thread = connecting.get();
    loop.execute(
        () -> {
          accepted.countDown();
          join(thread);
          loop.close();
        });

    assertEquals(0, readByPeer());
    assertFalse(connected.get());
  }

  @Test
  void intervalWithoutEnd_isAccepted() throws Exception {
    Waiting backend = new Waiting(Duration.ofSeconds(Long.MAX_VALUE));
    CountDownLatch scheduled = new CountDownLatch(1);
    accepted.countDown();
    loop.execute(() -> backend.start(new NotingPort()));
    loop.execute(
        () -> {
          backend.connectionClosed();
          scheduled.countDown();
        });

    scheduled.await();

    backend.close();
  }

  private static void join(Thread thread) {
    try {
      thread.join();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
