package org.microvm.qmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A control socket that sends as much as it can: its client's memory and time have limits. */
@Timeout(60)
class HostileServerTest {
  @TempDir private Path directory;
  private ServerSocketChannel server;

  @BeforeEach
  void listen() throws IOException {
    server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    server.bind(UnixDomainSocketAddress.of(directory.resolve("qmp")));
  }

  @AfterEach
  void close() throws IOException {
    server.close();
  }

  @FunctionalInterface
  private interface Flood {
    void send(OutputStream output) throws IOException;
  }

  /** A client of a server that sends this as the answer to the first command. */
  private QmpClient client(Duration limit, Flood flood) throws IOException {
    Thread.ofVirtual().start(() -> serve(flood));
    return QmpClient.connect(directory.resolve("qmp"), limit);
  }

  private void serve(Flood flood) {
    try (SocketChannel client = server.accept();
        InputStream input = Channels.newInputStream(client);
        OutputStream output = Channels.newOutputStream(client)) {
      output.write(line("{'QMP': {}}"));
      readLine(input);
      output.write(line("{'return': {}, 'id': 1}"));
      readLine(input);
      flood.send(output);
    } catch (IOException gone) {
      // The client has disconnected.
    }
  }

  private static void readLine(InputStream input) throws IOException {
    int next = input.read();
    while (next >= 0 && next != '\n') {
      next = input.read();
    }
  }

  private static byte[] line(String json) {
    return (json.replace('\'', '"') + "\n").getBytes(StandardCharsets.US_ASCII);
  }

  @Test
  void lineWithoutEnd_isRefused() throws IOException {
    Flood flood =
        output -> {
          while (true) {
            output.write(new byte[1 << 16]);
          }
        };
    try (QmpClient client = client(Duration.ofSeconds(50), flood)) {
      IOException refused = assertThrows(IOException.class, () -> client.execute("query-status"));

      assertEquals(
          "the machine sent a line of more than 33554432 bytes instead of the answer to"
              + " query-status",
          refused.getMessage());
    }
  }

  @Test
  void answerOfManySmallValues_isRefused() throws IOException {
    Flood flood =
        output -> output.write(line("{'id': 2, 'return': [" + "[],".repeat(1 << 20) + "0]}"));
    try (QmpClient client = client(Duration.ofSeconds(50), flood)) {
      assertThrows(IOException.class, () -> client.execute("query-status"));
    }
  }

  @Test
  void answersToOtherCommands_doNotProlongTheWait() throws IOException {
    Flood flood =
        output -> {
          while (true) {
            output.write(line("{'return': {}, 'id': 7}"));
          }
        };
    try (QmpClient client = client(Duration.ofSeconds(1), flood)) {
      IOException late = assertThrows(IOException.class, () -> client.execute("query-status"));

      assertEquals("the answer to query-status did not arrive within 1 s", late.getMessage());
    }
  }

  @Test
  void largeEvents_areKeptUpToALimit() throws IOException {
    String large = "{'event': 'E', 'data': '" + "x".repeat(400_000) + "'}";
    Flood flood =
        output -> {
          for (int i = 0; i < 10; i++) {
            output.write(line(large));
          }
          output.write(line("{'event': 'LAST'}"));
          output.write(line("{'return': {}, 'id': 2}"));
        };
    try (QmpClient client = client(Duration.ofSeconds(50), flood)) {
      client.execute("query-status");

      int kept = 0;
      while (!client.nextEvent().path("event").asText().equals("LAST")) {
        kept++;
      }
      assertEquals(2, kept);
    }
  }

  @Test
  void longDescriptionOfAnError_isShortened() throws IOException {
    String text = "d".repeat(1 << 20);
    Flood flood =
        output ->
            output.write(
                line("{'id': 2, 'error': {'class': 'GenericError', 'desc': '" + text + "'}}"));
    try (QmpClient client = client(Duration.ofSeconds(50), flood)) {
      IOException failed = assertThrows(IOException.class, () -> client.execute("query-status"));

      assertTrue(failed.getMessage().length() < 5000, () -> failed.getMessage().length() + "");
    }
  }
}
