package org.microvm.qmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.linux.ErrnoException;

/** A server that is created first and listens later. */
@Timeout(60)
class QmpServerTest {
  @TempDir private Path directory;
  private Path socket;
  private FakeTarget target;
  private QmpServer server;

  @BeforeEach
  void create() throws IOException {
    socket = directory.resolve("qmp");
    target = new FakeTarget();
    server = QmpServer.create(target, new ChannelRegistry(), "1");
  }

  @AfterEach
  void close() throws IOException {
    server.close();
    target.close();
  }

  @Test
  void createdServer_servesClientsOnceItListens() throws IOException {
    assertFalse(Files.exists(socket));

    server.listen(List.of(new QmpSocket(socket)));

    try (QmpClient client = QmpClient.connect(socket, Duration.ofSeconds(30))) {
      assertEquals("running", client.execute("query-status").path("status").asText());
      assertEquals(
          "compat_monitor0", client.execute("query-chardev").path(0).path("label").asText());
    }
  }

  @Test
  void serverThatWasClosed_doesNotListen() throws IOException {
    server.close();

    server.listen(List.of(new QmpSocket(socket)));

    assertFalse(Files.exists(socket));
    assertTrue(server.firstClient().isCompletedExceptionally());
  }

  @Test
  void serverThatCannotListen_removesTheOtherSockets() {
    Path nowhere = directory.resolve("none/qmp");
    List<QmpSocket> sockets = List.of(new QmpSocket(socket), new QmpSocket(nowhere));

    assertThrows(ErrnoException.class, () -> server.listen(sockets));

    assertFalse(Files.exists(socket));
    assertTrue(server.quitRequested().isCompletedExceptionally());
  }
}
