package org.microvm.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The guest's clipboard script, run on the host by bash with a TCP connection as its channel. */
@Timeout(60)
class GuestClipboardTest {
  private static final int ANSWER_MILLIS = 20_000;

  @TempDir private Path directory;
  private ServerSocket listener;
  private Process script;
  private Socket channel;

  @BeforeEach
  void start() throws IOException {
    listener = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
    listener.setSoTimeout(ANSWER_MILLIS);
    Path clipboard = MicrovmProcess.home().resolve("examples/guest/clipboard");
    ProcessBuilder builder = new ProcessBuilder("bash", clipboard.toString(), file().toString());
    builder.environment().put("CLIPBOARD_CHANNEL", "/dev/tcp/127.0.0.1/" + listener.getLocalPort());
    script = builder.redirectErrorStream(true).start();
    channel = listener.accept();
    channel.setSoTimeout(ANSWER_MILLIS);
  }

  @AfterEach
  void end() throws Exception {
    script.destroyForcibly().waitFor();
    channel.close();
    listener.close();
  }

  private Path file() {
    return directory.resolve("clipboard.txt");
  }

  private void send(String text) throws IOException {
    channel.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
  }

  private String receive(int bytes) throws IOException {
    return new String(channel.getInputStream().readNBytes(bytes), StandardCharsets.US_ASCII);
  }

  private static void awaitFile(Path file, String text) throws Exception {
    while (!Files.exists(file) || !Files.readString(file).equals(text)) {
      TimeUnit.MILLISECONDS.sleep(10);
    }
  }

  private void copy(String text) throws IOException {
    Path copied = Files.writeString(directory.resolve("copied"), text);
    Files.move(copied, file(), StandardCopyOption.ATOMIC_MOVE);
  }

  @Test
  void textThatComesTwice_doesNotUndoWhatWasCopiedSince() throws Exception {
    assertEquals("HELLO 0 0\n", receive(10));
    send("CLIP 1 4\nhost");
    awaitFile(file(), "host");
    send("CLIP 1 4\n");
    // The file exists once the script waits for the text.
    awaitFile(directory.resolve("clipboard.txt.new"), "");
    copy("guest");
    send("host");

    assertEquals("CLIP 2 5\nguest", receive(14));
    assertEquals("guest", Files.readString(file()));
  }

  @Test
  void otherTextOfTheSameVersion_counts() throws Exception {
    assertEquals("HELLO 0 0\n", receive(10));
    copy("guest");
    assertEquals("CLIP 1 5\nguest", receive(14));

    send("CLIP 1 4\nhost");

    awaitFile(file(), "host");
  }
}
