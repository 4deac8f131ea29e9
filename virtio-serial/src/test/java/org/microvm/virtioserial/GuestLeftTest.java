package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.linux.EventLoop;
import org.microvm.linux.SocketMode;
import org.microvm.linux.UnixListener;
import org.microvm.virtioserial.backend.HostConnection;
import org.microvm.virtioserial.backend.LoggedBackend;
import org.microvm.virtioserial.backend.NullBackend;
import org.microvm.virtioserial.backend.PortBackend;
import org.microvm.virtioserial.backend.TcpServerBackend;
import org.microvm.virtioserial.backend.UnixClientBackend;
import org.microvm.virtioserial.backend.UnixServerBackend;
import org.microvm.virtioserial.channel.ClipboardBackend;

/** Host ends of a device whose guest has continued in another process; this one still exists. */
@Timeout(60)
class GuestLeftTest {
  @TempDir Path directory;
  private EventLoop loop;
  private SerialDevice device;
  private Path path;

  @BeforeEach
  void open() throws Exception {
    path = directory.resolve("a.sock");
    loop = EventLoop.open("serial-test");
    loop.start();
    device = new SerialDevice(loop, SerialConfig.defaults());
  }

  @AfterEach
  void close() {
    device.close();
    loop.close();
  }

  private void leave(PortBackend backend) throws PortException {
    device.addPort(PortConfig.named("a"), backend);
    Await.idle(loop);
    device.handover().release();
  }

  @Test
  void server_acceptsNoClient() throws Exception {
    leave(UnixServerBackend.listen(path, false));

    assertThrows(IOException.class, () -> Host.connect(path));
    assertFalse(Files.exists(path));
  }

  @Test
  void serverWithALog_acceptsNoClient() throws Exception {
    PortBackend server = UnixServerBackend.listen(path, false);
    leave(LoggedBackend.open(server, directory.resolve("log"), true));

    assertThrows(IOException.class, () -> Host.connect(path));
  }

  @Test
  void clipboard_acceptsNoProgram() throws Exception {
    leave(ClipboardBackend.open(loop, Optional.of(path), false));

    assertThrows(IOException.class, () -> Host.connect(path));
  }

  @Test
  void tcpServer_acceptsNoClient() throws Exception {
    TcpServerBackend server = TcpServerBackend.listen(new InetSocketAddress("127.0.0.1", 0), false);
    String text = server.describe();
    int port = Integer.parseInt(text.replaceAll(".*:(\\d+),.*", "$1"));
    leave(server);

    assertThrows(IOException.class, () -> new Socket("127.0.0.1", port).close());
  }

  @Test
  void exchange_isRefused() throws Exception {
    leave(NullBackend.open());
    UnixServerBackend next = UnixServerBackend.listen(path, false);

    ExecutionException refused =
        assertThrows(
            ExecutionException.class,
            () -> device.exchangeBackend(1, next).get(10, TimeUnit.SECONDS));

    assertInstanceOf(PortException.class, refused.getCause());
    next.close();
  }

  @Test
  void server_pathOfTheOtherProcess_stays() throws Exception {
    UnixServerBackend server = UnixServerBackend.listen(path, false);
    try (UnixListener next = UnixListener.openHidden(path, SocketMode.OWNER)) {
      next.publish();

      leave(server);
      device.close();

      Host.connect(path).close();
    }
  }

  @Test
  void server_startedAfterwards_doesNotListen() throws Exception {
    CountDownLatch held = new CountDownLatch(1);
    loop.execute(() -> awaitQuietly(held));
    device.addPort(PortConfig.named("a"), UnixServerBackend.listen(path, false));
    device.handover().release();

    held.countDown();
    Await.idle(loop);

    assertEquals(0, loop.watchCount());
  }

  @Test
  void client_connectsNoMore() throws Exception {
    leave(UnixClientBackend.reconnecting(path, Duration.ofMillis(1)));
    Await.idle(loop);
    awaitAttempts();
    try (UnixListener server = UnixListener.open(path)) {
      CountDownLatch later = new CountDownLatch(1);
      loop.schedule(Duration.ofMillis(50).toNanos(), later::countDown);
      later.await();

      assertNull(server.accept());
    }
  }

  /** Waits for attempts to connect that have begun; each has a thread. */
  private static void awaitAttempts() throws InterruptedException {
    for (Thread thread : Thread.getAllStackTraces().keySet()) {
      if (thread.getName().startsWith("connect ")) {
        thread.join();
      }
    }
  }

  @Test
  void connectionThatComesAfterwards_isClosed() throws Exception {
    CountDownLatch started = new CountDownLatch(1);
    PortBackend.Port[] port = new PortBackend.Port[1];
    leave(
        new PortBackend() {
          @Override
          public void start(Port owner) {
            port[0] = owner;
            started.countDown();
          }

          @Override
          public void connectionClosed() {}

          @Override
          public void close() {}

          @Override
          public String describe() {
            return "late";
          }
        });
    started.await();
    try (UnixListener server = UnixListener.open(path);
        Host host = Host.connect(path)) {
      HostConnection connection = HostConnection.duplex(server.accept());
      loop.execute(() -> port[0].connected(connection));

      assertTrue(host.atEnd());
    }
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
