package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.testing.ChildJvm;

@Timeout(60)
class ClipboardCommandTest {
  private static final int CAPABILITIES = 6;
  private static final int GRAB = 7;

  /** Offers on demand, and names of selections. */
  private static final int BITS = 1 << 5 | 1 << 6;

  private static final int ENOUGH = 2_000_000;
  private static final int STALL_MILLIS = 2000;

  @TempDir private Path directory;

  /** A message of the SPICE agent's protocol, in a chunk of its own. */
  private static void put(ByteBuffer target, int type, int... words) {
    int bytes = words.length * Integer.BYTES;
    target.putInt(1).putInt(20 + bytes); // port, size of the chunk
    target.putInt(1).putInt(type).putLong(0).putInt(bytes);
    for (int word : words) {
      target.putInt(word);
    }
  }

  private static ByteBuffer messages() {
    return ByteBuffer.allocateDirect(1 << 16).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Sends changes, as long as the client takes them. */
  private static void flood(SocketChannel client) throws IOException {
    ByteBuffer hello = messages();
    put(hello, CAPABILITIES, 0, BITS);
    client.write(hello.flip());
    ByteBuffer changes = messages();
    for (int i = 0; i < 1000; i++) {
      put(changes, GRAB, 0, 1 + i % 2); // a text or a picture
    }
    changes.flip();
    client.configureBlocking(false);
    try (Selector selector = Selector.open()) {
      client.register(selector, SelectionKey.OP_WRITE);
      for (int sent = 0; sent < ENOUGH; sent += 1000) {
        for (changes.rewind(); changes.hasRemaining(); client.write(changes)) {
          selector.selectedKeys().clear();
          if (selector.select(STALL_MILLIS) == 0) {
            return; // The client waits for its reader.
          }
        }
      }
    }
  }

  @Test
  void watch_whoseOutputIsNotRead_readsNoMoreChanges() throws Exception {
    Path path = directory.resolve("c");
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(path));
      List<String> command =
          ChildJvm.command(
              List.of("-Xmx20m", "-XX:+ExitOnOutOfMemoryError"),
              Main.class,
              "clipboard",
              "watch",
              "--socket",
              path.toString());
      Process watch =
          new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
      try (SocketChannel client = server.accept()) {
        flood(client);
      }
      String lines = new String(watch.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

      assertEquals(0, watch.waitFor());
      assertTrue(lines.startsWith("clipboard: "), lines);
    }
  }
}
