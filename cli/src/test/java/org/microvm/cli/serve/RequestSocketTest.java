package org.microvm.cli.serve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.linux.ClientAcceptor;
import org.microvm.linux.Errno;
import org.microvm.socket.UnixConnection;
import org.microvm.syscall.FaultInjection;
import org.slf4j.LoggerFactory;

@Timeout(60)
class RequestSocketTest {
  private static final Logger LOGGER = (Logger) LoggerFactory.getLogger(ClientAcceptor.class);

  @TempDir private Path directory;

  private final ListAppender<ILoggingEvent> log = new ListAppender<>();

  @BeforeEach
  void listen() {
    log.start();
    LOGGER.addAppender(log);
  }

  @AfterEach
  void end() {
    LOGGER.detachAppender(log);
  }

  @Test
  void lackOfDescriptors_isLoggedOnceAndTheLoopRestsUntilEachRetry() throws Exception {
    Path path = directory.resolve("serve.sock");
    ServerAnswer served = ServerAnswer.done("served");
    // Of the loop's thread; after a rest it watches the socket again.
    List<String> calls = new CopyOnWriteArrayList<>();
    FaultInjection.Rule twice =
        (kind, fd) -> {
          if (!Thread.currentThread().getName().equals("serve")
              || !List.of("accept", "epoll_ctl").contains(kind)) {
            return 0;
          }
          calls.add(kind);
          return kind.equals("accept") && calls.size() < 4 ? -Errno.EMFILE : 0;
        };

    try (RequestSocket socket = RequestSocket.open(path, request -> served)) {
      socket.publish();
      try (FaultInjection _ = FaultInjection.by(twice);
          ServerClient client = ServerClient.connect(path)) {
        assertEquals(served, client.ask(ServerRequest.ofServer(List.of("run"))));
      }
    }

    assertEquals(List.of("accept", "epoll_ctl", "accept", "epoll_ctl", "accept"), calls);
    assertEquals(1, log.list.size(), log.list::toString);
    assertTrue(log.list.getFirst().getFormattedMessage().contains("EMFILE"), log.list::toString);
  }

  @Test
  void clientThatSendsItsRequestSlowly_isDisconnected() throws Exception {
    Path path = directory.resolve("serve.sock");
    RequestSocket.Handler handler = request -> ServerAnswer.done("");
    try (RequestSocket socket = RequestSocket.open(path, handler, Duration.ofMillis(500))) {
      socket.publish();
      try (SocketChannel client = UnixConnection.open(path)) {
        // Each byte comes long before the limit.
        IOException disconnected =
            assertThrows(
                IOException.class,
                () -> {
                  while (true) {
                    client.write(ByteBuffer.wrap(new byte[] {'m'}));
                    LockSupport.parkNanos(20_000_000);
                  }
                });
        assertTrue(disconnected.getMessage().contains("Broken pipe"), disconnected::getMessage);
      }
    }
  }
}
