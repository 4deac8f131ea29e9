package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.spice.Clipboard;
import org.microvm.spice.Format;
import org.microvm.spice.Selection;

@Timeout(60)
class ClipboardShareTest {
  private static final Duration LIMIT = Duration.ofSeconds(20);

  @TempDir private Path directory;
  private final BlockingQueue<String> pasted = new LinkedBlockingQueue<>();
  private Clipboard host;
  private Clipboard agent;
  private Thread share;

  @BeforeEach
  void start() throws Exception {
    UnixDomainSocketAddress address = UnixDomainSocketAddress.of(directory.resolve("socket"));
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(address);
      host = Clipboard.over(SocketChannel.open(address));
      agent = Clipboard.over(server.accept());
    }
    host.connected().get(20, TimeUnit.SECONDS);
    agent.connected().get(20, TimeUnit.SECONDS);
    DesktopClipboard desktop =
        new DesktopClipboard(
            List.of("cat", directory.resolve("desktop").toString()),
            List.of("sh", "-c", "cat >\"$0.new\"; mv \"$0.new\" \"$0\"", directory + "/desktop"));
    share =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    new ClipboardShare(host, desktop).run();
                  } catch (IOException | InterruptedException e) {
                    throw new IllegalStateException(e);
                  }
                });
  }

  @AfterEach
  void end() throws InterruptedException {
    host.close();
    agent.close();
    share.join();
  }

  private BlockingQueue<Set<Format>> offers() {
    BlockingQueue<Set<Format>> offers = new LinkedBlockingQueue<>();
    agent.watch((_, formats) -> offers.add(formats));
    return offers;
  }

  private void copyOnDesktop(String text) throws IOException {
    Path copied = Files.writeString(directory.resolve("copied"), text);
    Files.move(copied, directory.resolve("desktop"), StandardCopyOption.ATOMIC_MOVE);
  }

  @Test
  void text_isSharedInBothDirections() throws Exception {
    BlockingQueue<Set<Format>> offers = offers();
    agent.setText("of the guest");
    while (!Files.exists(directory.resolve("desktop"))) {
      assertEquals(null, offers.poll(10, TimeUnit.MILLISECONDS));
    }
    assertEquals("of the guest", Files.readString(directory.resolve("desktop")));

    copyOnDesktop("of the desktop");

    assertEquals(Set.of(Format.TEXT), offers.poll(20, TimeUnit.SECONDS));
    assertEquals(Optional.of("of the desktop"), agent.text(LIMIT));
  }

  @Test
  void textOfTheDesktop_isSharedWhileTheAgentOwesAnAnswer() throws Exception {
    BlockingQueue<Set<Format>> offers = offers();
    agent.offer(
        Selection.CLIPBOARD,
        Set.of(Format.TEXT),
        format -> {
          pasted.add(format.text());
          return new CompletableFuture<>();
        });
    assertEquals("text", pasted.poll(20, TimeUnit.SECONDS));

    copyOnDesktop("of the desktop");

    assertEquals(Set.of(Format.TEXT), offers.poll(20, TimeUnit.SECONDS));
    assertEquals(Optional.of("of the desktop"), agent.text(LIMIT));
  }
}
