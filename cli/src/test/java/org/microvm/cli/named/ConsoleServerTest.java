package org.microvm.cli.named;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.cli.FailingInput;

@Timeout(60)
class ConsoleServerTest {
  @TempDir private Path directory;
  private final ByteArrayOutputStream stream = new ByteArrayOutputStream();
  private final BlockingQueue<Byte> typed = new LinkedBlockingQueue<>();
  private MachineFiles files;
  private ConsoleHub hub;
  private ConsoleServer server;

  @BeforeEach
  void open() throws Exception {
    files = new MachineFiles(directory);
    hub = new ConsoleHub(files, stream);
    server = listen(ConsoleServer.Host.ALONE);
  }

  private ConsoleServer listen(ConsoleServer.Host host) throws Exception {
    return ConsoleServer.listen(files.console(), hub, typed::put, host);
  }

  @AfterEach
  void close() throws Exception {
    server.close();
  }

  private void print(String text) throws Exception {
    hub.write(text.getBytes(StandardCharsets.US_ASCII));
  }

  /** What a viewer shows whose input ends after these bytes. */
  private String show(byte[] input) throws Exception {
    ByteArrayOutputStream shown = new ByteArrayOutputStream();
    try (ConsoleViewer viewer = ConsoleViewer.attach(files.console())) {
      viewer.show(new ByteArrayInputStream(input), shown, false);
    }
    return shown.toString(StandardCharsets.US_ASCII);
  }

  @Test
  void inputThatCannotBeRead_endsTheViewWithAFailure() throws Exception {
    print("hello");
    ByteArrayOutputStream shown = new ByteArrayOutputStream();
    InputStream directory = new FailingInput("Is a directory");
    try (ConsoleViewer viewer = ConsoleViewer.attach(files.console())) {
      IOException failure =
          assertThrows(IOException.class, () -> viewer.show(directory, shown, false));

      assertEquals("standard input cannot be read: Is a directory", failure.getMessage());
    }
    assertEquals("hello", shown.toString(StandardCharsets.US_ASCII));
  }

  private SocketChannel connect() throws Exception {
    return SocketChannel.open(UnixDomainSocketAddress.of(files.console()));
  }

  private static String read(SocketChannel socket, int count) throws Exception {
    ByteBuffer bytes = ByteBuffer.allocate(count);
    while (bytes.hasRemaining() && socket.read(bytes) >= 0) {}
    return new String(bytes.array(), 0, bytes.position(), StandardCharsets.US_ASCII);
  }

  @Test
  void output_goesToStreamLogAndLaterViewers() throws Exception {
    print("hello");

    assertEquals("hello", stream.toString(StandardCharsets.US_ASCII));
    assertEquals("hello", Files.readString(files.consoleLog()));
    assertEquals("hello", show(new byte[0]));
  }

  @Test
  void scrollBack_asksTheTerminalNothing() throws Exception {
    print("a\033[6nb\033[cc\033]11;?\007d\033[31me\033P$qm\033\\f\005g\033[14th\033[?1049h");

    assertEquals("abcd\033[31mefgh\033[?1049h", show(new byte[0]));
  }

  @Test
  void questionOfTheGuest_reachesItsViewer() throws Exception {
    print("before");
    try (SocketChannel viewer = connect()) {
      assertEquals("before", read(viewer, 6));
      print("\033[6n");
      assertEquals("\033[6n", read(viewer, 4));
    }
  }

  @Test
  void questionOfTheGuest_ofSeveralViewers_reachesTheOneThatTypedLast() throws Exception {
    SocketChannel second = connect();
    try (SocketChannel first = connect()) {
      print(".");
      read(first, 1);
      read(second, 1);
      second.write(ByteBuffer.wrap(new byte[] {'k'}));
      assertEquals((byte) 'k', typed.take());
      for (char part : "a\033[6nb\033]11;?\033\\c\033[31md".toCharArray()) {
        print(String.valueOf(part));
      }

      assertEquals("ab" + "c\033[31md", read(first, 9));
      assertEquals("a\033[6nb\033]11;?\033\\c\033[31md", read(second, 21));

      second.close();
      String shown = "";
      while (!shown.endsWith("e\033[c")) { // until the server knows that the other one is gone
        print("e\033[c");
        shown += read(first, 1);
        shown += pending(first);
      }
    }
  }

  @Test
  void questionOfTheGuest_toTheTerminalOfTheMachine_isNotAskedTwice() throws Exception {
    hub.streamIsTerminal();
    try (SocketChannel viewer = connect()) {
      print("a\033[6nb");
      assertEquals("ab", read(viewer, 2));
      viewer.write(ByteBuffer.wrap(new byte[] {'k'}));
      typed.take();
      print("c\033[6n");
      assertEquals("c\033[6n", read(viewer, 5));
      hub.typed();
      print("d\033[6ne");
      assertEquals("de", read(viewer, 2));
    }
    assertEquals("a\033[6nbcd\033[6ne", stream.toString(StandardCharsets.US_ASCII));
  }

  private static String pending(SocketChannel socket) throws Exception {
    ByteBuffer bytes = ByteBuffer.allocate(4096);
    socket.configureBlocking(false);
    socket.read(bytes);
    socket.configureBlocking(true);
    return new String(bytes.array(), 0, bytes.position(), StandardCharsets.US_ASCII);
  }

  @Test
  void sharedHost_aServer_hasNoPlatformThread() throws Exception {
    server.close();
    hub = new ConsoleHub(files, stream);
    server = listen(ConsoleServer.Host.SHARED);
    print("hello");

    assertEquals("hello", show(new byte[] {'k'}));
    assertEquals((byte) 'k', typed.take());
    while (Thread.getAllStackTraces().keySet().stream()
        .anyMatch(thread -> thread.getName().startsWith("console-"))) {
      Thread.onSpinWait(); // until those of the other tests' servers have ended
    }
  }

  @Test
  void scrollBack_isTheLast64KiB() throws Exception {
    print("x".repeat(1000));
    print("y".repeat(ConsoleHub.SCROLL_BACK_BYTES));

    assertEquals("y".repeat(ConsoleHub.SCROLL_BACK_BYTES), show(new byte[0]));
  }

  @Test
  void input_isTypedUnchanged() throws Exception {
    show(new byte[] {1, 'd', (byte) 0xff});

    assertEquals((byte) 1, typed.take());
    assertEquals((byte) 'd', typed.take());
    assertEquals((byte) 0xff, typed.take());
  }

  @Test
  void viewers_seeTheSame() throws Exception {
    SocketChannel a = connect();
    try (SocketChannel b = connect()) {
      print("one");
      assertEquals("one", read(a, 3));
      assertEquals("one", read(b, 3));
      a.close();
      print("two");
      assertEquals("two", read(b, 3));
    }
  }

  @Test
  void slowViewer_doesNotDelayTheGuestAndIsToldWhatItMissed() throws Exception {
    try (SocketChannel slow = connect()) {
      print("begin");
      assertEquals("begin", read(slow, 5));
      for (int i = 0; i < 1000; i++) {
        print("z".repeat(4096));
      }
      slow.shutdownOutput();

      ByteArrayOutputStream seen = new ByteArrayOutputStream();
      ByteBuffer piece = ByteBuffer.allocate(4096);
      while (slow.read(piece) >= 0) {
        seen.write(piece.array(), 0, piece.position());
        piece.clear();
      }
      assertTrue(seen.toString(StandardCharsets.US_ASCII).contains(" bytes skipped]"));
      assertTrue(seen.size() < 1000 * 4096);
    }
  }

  @Test
  void end_sendsTheRestAndDisconnects() throws Exception {
    try (SocketChannel viewer = connect()) {
      print("last words");
      assertEquals("l", read(viewer, 1));
      server.close();

      assertEquals("ast words", read(viewer, 100));
      assertFalse(Files.exists(files.console()));
    }
  }

  @Test
  void tooManyViewers_areToldSo() throws Exception {
    SocketChannel[] viewers = new SocketChannel[ConsoleServer.MAX_VIEWERS];
    for (int i = 0; i < viewers.length; i++) {
      viewers[i] = connect();
    }
    assertTrue(show(new byte[0]).contains("16 viewers already"));
    for (SocketChannel viewer : viewers) {
      viewer.close();
    }
  }

  @Test
  void detach_endsTheViewAndNothingElse() throws Exception {
    try (ConsoleViewer viewer = ConsoleViewer.attach(files.console());
        PipedOutputStream keyboard = new PipedOutputStream();
        InputStream input = new PipedInputStream(keyboard)) {
      keyboard.write(new byte[] {'a', 1, 'd', 'b'});
      keyboard.flush();

      ConsoleViewer.End end = viewer.show(input, OutputStream.nullOutputStream(), true);

      assertEquals(ConsoleViewer.End.DETACHED, end);
      assertEquals((byte) 'a', typed.take());
      print("goes on");
      assertEquals("goes on", show(new byte[0]));
    }
  }

  @Test
  void keys_afterCtrlA() {
    ViewerKeys keys = new ViewerKeys();
    ViewerKeys.Meaning meaning = keys.read(new byte[] {'x', 1, 1, 1, 'a', 1, 'q', 1, 'h', 1}, 10);

    assertArrayEquals(new byte[] {'x', 1, 1}, meaning.keys());
    assertTrue(meaning.help());
    assertFalse(meaning.detach());
    assertTrue(keys.read(new byte[] {'d'}, 1).detach(), "Ctrl-A and d in two pieces");
  }

  @Test
  void log_isLimited() throws Exception {
    try (BoundedLog log = new BoundedLog(directory.resolve("log"), 10)) {
      log.write("12345678".getBytes(StandardCharsets.US_ASCII));
      log.write("abcdef".getBytes(StandardCharsets.US_ASCII));
    }
    assertEquals("abcdef", Files.readString(directory.resolve("log")));
    assertEquals("12345678", Files.readString(directory.resolve("log.1")));
  }
}
