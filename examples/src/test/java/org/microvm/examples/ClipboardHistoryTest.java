package org.microvm.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
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
        guest.setText("sec\u001b[2Jond\t2\nlines");
        assertEquals("sec?[2Jond\t2", lines.readLine());
        assertEquals("lines", lines.readLine());
      }
      thread.join();
    }
  }

  @Test
  void history_endsWithTheConnection_whileATextWaits() throws Exception {
    UnixDomainSocketAddress address = UnixDomainSocketAddress.of(directory.resolve("socket"));
    Blocked printed = new Blocked();
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(address);
      Clipboard history = Clipboard.connect(address.getPath());
      Thread thread = Thread.ofPlatform().start(() -> run(history, printed));
      try (Clipboard guest = Clipboard.over(server.accept())) {
        guest.setText("first");
        printed.writes.await();
        Semaphore changes = new Semaphore(0);
        history.watch((_, _) -> changes.release());
        guest.setText("second");
        // The text that is here already, and the second one.
        changes.acquire(2);
      }
      history.closed().get();
      printed.end.countDown();
      thread.join();
    }
  }

  /** Blocks its writer until the end. */
  private static final class Blocked extends OutputStream {
    private final CountDownLatch writes = new CountDownLatch(1);
    private final CountDownLatch end = new CountDownLatch(1);

    @Override
    public void write(int value) throws IOException {
      writes.countDown();
      try {
        end.await();
      } catch (InterruptedException e) {
        throw new IOException(e);
      }
    }
  }

  private static void run(Clipboard history, OutputStream printed) {
    try {
      ClipboardHistory.run(history, new PrintStream(printed, true, StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
