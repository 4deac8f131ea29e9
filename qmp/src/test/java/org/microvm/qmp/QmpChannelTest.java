package org.microvm.qmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.virtioserial.options.SocketSpec;

/** QMP on chardevs. */
@Timeout(60)
class QmpChannelTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private Path directory;
  private FakeTarget target;
  private QmpServer server;

  @AfterEach
  void close() {
    server.close();
    target.close();
  }

  private Path path() {
    return directory.resolve("monitor");
  }

  private void serve(SocketSpec.Role role) throws IOException {
    target = new FakeTarget();
    SocketSpec spec = new SocketSpec(new SocketSpec.Unix(path()), role);
    server =
        QmpServer.listen(
            List.of(new QmpChannel("mon", spec)), target, new ChannelRegistry(), "1.2.3");
  }

  private static void ask(SocketChannel socket, String command) throws IOException {
    socket.write(ByteBuffer.wrap((command + "\n").getBytes(StandardCharsets.UTF_8)));
  }

  private static void checkAnswers(SocketChannel socket) throws IOException {
    BufferedReader answers = new BufferedReader(Channels.newReader(socket, StandardCharsets.UTF_8));
    assertTrue(answers.readLine().startsWith("{\"QMP\""));
    ask(socket, "{\"execute\": \"qmp_capabilities\"}");
    assertEquals("{\"return\": {}}", answers.readLine());
    ask(socket, "{\"execute\": \"query-chardev\"}");
    JsonNode monitor = JSON.readTree(answers.readLine()).path("return").get(0);
    assertEquals("mon", monitor.path("label").asText());
  }

  @Test
  void machineConnectsToItsClient() throws IOException {
    try (ServerSocketChannel client = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      client.bind(UnixDomainSocketAddress.of(path()));
      serve(SocketSpec.Client.ONCE);
      try (SocketChannel socket = client.accept()) {
        checkAnswers(socket);
      }
    }
  }

  @Test
  void server_servesOneClientAfterTheOther() throws IOException {
    serve(new SocketSpec.Server(true));
    assertFalse(server.readyToBoot().isDone());
    for (int i = 0; i < 2; i++) {
      try (SocketChannel socket = SocketChannel.open(UnixDomainSocketAddress.of(path()))) {
        checkAnswers(socket);
        server.readyToBoot().join();
      }
    }
  }

  /** As socat does: what is typed is echoed, and a prompt follows each answer. */
  @Test
  void humanMonitor_answersLines() throws IOException {
    target = new FakeTarget();
    SocketSpec spec = new SocketSpec(new SocketSpec.Unix(path()), new SocketSpec.Server(false));
    server =
        QmpServer.listen(
            List.of(new HumanChannel("mon", spec)),
            target,
            new ChannelRegistry(),
            "7.2.0 microvm 1.2.3");
    try (SocketChannel socket = SocketChannel.open(UnixDomainSocketAddress.of(path()))) {
      assertEquals("QEMU 7.2.0 monitor - type 'help' for more information\r\n", text(socket));
      socket.write(ByteBuffer.wrap("info stax\btus\r\n".getBytes(StandardCharsets.UTF_8)));
      assertEquals("info stax\b \btus\r\nVM status: running\r\n", text(socket));
      socket.write(ByteBuffer.wrap("stop\n".getBytes(StandardCharsets.UTF_8)));
      assertEquals("stop\r\n", text(socket));
      assertEquals(QmpTarget.RunState.PAUSED, target.state());
      socket.write(ByteBuffer.wrap("info version\n".getBytes(StandardCharsets.UTF_8)));
      assertEquals("info version\r\n7.2.0microvm 1.2.3\r\n", text(socket));
    }
  }

  /** Reads up to the next prompt, and returns what comes before it. */
  private static String text(SocketChannel socket) throws IOException {
    StringBuilder got = new StringBuilder();
    ByteBuffer bytes = ByteBuffer.allocate(1);
    while (got.indexOf("(qemu) ") < 0) {
      assertEquals(1, socket.read(bytes.clear()), () -> "the end came after " + got);
      got.append((char) bytes.flip().get());
    }
    return got.substring(0, got.length() - "(qemu) ".length());
  }
}
