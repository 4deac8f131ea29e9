package org.microvm.qmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A client of a control socket: interrupts, its end, and events. */
@Timeout(60)
class QmpClientTest {
  @TempDir private Path directory;
  private FakeTarget target;
  private QmpServer server;
  private QmpClient client;

  @BeforeEach
  void connect() throws IOException {
    target = new FakeTarget();
    Path socket = directory.resolve("qmp");
    server = QmpServer.listen(socket, target, new ChannelRegistry(), "1");
    client = QmpClient.connect(socket, Duration.ofSeconds(30));
  }

  @AfterEach
  void close() throws IOException {
    client.close();
    server.close();
    target.close();
  }

  @Test
  void commandOfAnInterruptedThread_isSentAndTheConnectionStays() throws IOException {
    Thread.currentThread().interrupt();

    assertThrows(
        InterruptedIOException.class,
        () -> client.execute("chardev-remove", QmpClient.arguments().put("id", "none")));

    assertTrue(Thread.interrupted());
    assertEquals("running", client.execute("query-status").path("status").asText());
    assertTrue(client.wasRefusedLate());
  }

  @Test
  void commandAfterClose_saysThatTheConnectionIsClosed() throws IOException {
    client.close();

    var failure = assertThrows(IOException.class, () -> client.execute("query-status"));

    assertEquals(
        "the machine does not accept requests: the connection is closed", failure.getMessage());
  }

  @Test
  void eventsThatNobodyWaitsFor_areKeptUpToALimit() throws IOException {
    for (int i = 0; i < 2000; i++) {
      server.powerButtonPressed();
    }
    server.stopped();
    client.execute("query-status"); // answered after the events

    int others = 0;
    while (!client.nextEvent().path("event").asText().equals("STOP")) {
      others++;
    }

    assertEquals(1023, others);
  }
}
