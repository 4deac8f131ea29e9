package org.microvm.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.spice.Clipboard;

@Timeout(60)
class ClipboardHistoryTest {
  @TempDir private Path directory;

  @Test
  void texts_arePrintedAsTheyAreCopied() throws Exception {
    UnixDomainSocketAddress address = UnixDomainSocketAddress.of(directory.resolve("socket"));
    PipedOutputStream printed = new PipedOutputStream();
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        BufferedReader lines =
            new BufferedReader(
                new InputStreamReader(new PipedInputStream(printed), StandardCharsets.UTF_8))) {
      server.bind(address);
      Clipboard history = Clipboard.connect(address.getPath());
      Thread thread = Thread.ofPlatform().start(() -> run(history, printed));
      try (Clipboard guest = Clipboard.over(server.accept())) {
        guest.setText("first");
        assertEquals("first", lines.readLine());
        guest.setText("second");
        assertEquals("second", lines.readLine());
      }
      thread.join();
    }
  }

  private static void run(Clipboard history, PipedOutputStream printed) {
    try {
      ClipboardHistory.run(history, new PrintStream(printed, true, StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
