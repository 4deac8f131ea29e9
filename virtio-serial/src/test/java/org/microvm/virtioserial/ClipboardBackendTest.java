package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.linux.Errno;
import org.microvm.spice.Clipboard;
import org.microvm.spice.Format;
import org.microvm.spice.Selection;
import org.microvm.syscall.FaultInjection;
import org.microvm.virtioserial.channel.ClipboardBackend;

/** The host side of the SPICE agent, with an agent whose messages a test builds. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class ClipboardBackendTest {
  private static final Duration LIMIT = Duration.ofSeconds(20);
  private static final int CLIPBOARD = 4;
  private static final int ANNOUNCE = 6;
  private static final int GRAB = 7;
  private static final int REQUEST = 8;
  private static final int HEADERS = 28;

  /** Contents by demand, with selections. */
  private static final int CAPABILITIES = 0x60;

  @TempDir Path directory;
  private SerialMachine machine;
  private Guest guest;
  private Path socket;
  private int nr;

  /** The bytes that the agent has received and not read yet. */
  private final Deque<Byte> arrived = new ArrayDeque<>();

  @BeforeEach
  void start() throws Exception {
    machine = new SerialMachine(directory);
    guest = machine.guest.boot();
    socket = machine.path("clipboard");
    nr =
        machine
            .device
            .addPort(
                PortConfig.named("agent").withGuestClose(GuestClose.DISCONNECT),
                ClipboardBackend.open(machine.loop, Optional.of(socket), false))
            .nr();
    machine.introduce(nr);
  }

  @AfterEach
  void stop() {
    machine.close();
  }

  private void send(int type, byte[] data, int... words) {
    int size = 4 * words.length + data.length;
    ByteBuffer bytes = ByteBuffer.allocate(HEADERS + size).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putInt(1).putInt(20 + size).putInt(1).putInt(type).putLong(0).putInt(size);
    for (int word : words) {
      bytes.putInt(word);
    }
    guest.write(nr, bytes.put(data).array());
  }

  /** Returns the body of the next message of a type, which fits into one chunk. */
  private ByteBuffer await(int type) {
    while (true) {
      ByteBuffer chunk = read(8);
      ByteBuffer message = read(chunk.getInt(4));
      if (message.getInt(4) == type) {
        return message.position(20).slice().order(ByteOrder.LITTLE_ENDIAN);
      }
    }
  }

  private ByteBuffer read(int count) {
    while (arrived.size() < count) {
      for (byte one : guest.receive(Guest.in(nr))) {
        arrived.add(one);
      }
    }
    ByteBuffer bytes = ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
    while (bytes.hasRemaining()) {
      bytes.put(arrived.remove());
    }
    return bytes.flip();
  }

  private void openAgent() {
    guest.open(nr);
    send(ANNOUNCE, new byte[0], 1, CAPABILITIES);
  }

  private static BlockingQueue<Set<Format>> changes(Clipboard clipboard) {
    BlockingQueue<Set<Format>> changes = new LinkedBlockingQueue<>();
    clipboard.watch((_, formats) -> changes.add(formats));
    return changes;
  }

  private void setText(String text) throws Exception {
    try (Clipboard program = Clipboard.connect(socket)) {
      program.connected().get(20, TimeUnit.SECONDS);
      program.settle(Selection.CLIPBOARD).get(20, TimeUnit.SECONDS);
      BlockingQueue<Set<Format>> kept = changes(program);
      program.setText(text);
      assertEquals(Set.of(Format.TEXT), kept.poll(20, TimeUnit.SECONDS));
    }
  }

  @Test
  void text_ofAProgramThatHasDisconnected_isPastedByTheAgent() throws Exception {
    setText("of the host");
    openAgent();

    assertEquals(0, await(GRAB).getInt(0));
    send(REQUEST, new byte[0], 0, 1);
    ByteBuffer contents = await(CLIPBOARD);

    byte[] text = new byte[contents.remaining() - 8];
    contents.position(8).get(text);
    assertEquals("of the host", new String(text, StandardCharsets.UTF_8));
  }

  @Test
  void agent_thatStartsAgain_getsWholeMessagesFromTheFirst() throws Exception {
    setText("of the host");
    for (int i = 0; i < 3; i++) {
      openAgent();
      assertEquals(1, await(GRAB).getInt(4));
      guest.close(nr);
      machine.events.await("host disconnected agent");
      arrived.clear();
    }
  }

  @Test
  void text_ofTheAgent_isReadByAProgram() throws Exception {
    openAgent();
    await(ANNOUNCE);
    try (Clipboard program = Clipboard.connect(socket)) {
      BlockingQueue<Set<Format>> seen = changes(program);
      send(GRAB, new byte[0], 0, 1, 2);
      assertEquals(Set.of(Format.TEXT, Format.PNG), seen.poll(20, TimeUnit.SECONDS));
      var text = program.request(Selection.CLIPBOARD, Format.PNG);
      assertEquals(2, await(REQUEST).getInt(4));
      send(CLIPBOARD, new byte[] {5, 6}, 0, 2);

      assertArrayEquals(new byte[] {5, 6}, text.get(20, TimeUnit.SECONDS).orElseThrow());
      guest.close(nr);
      assertEquals(Set.of(), seen.poll(20, TimeUnit.SECONDS));
    }
  }

  @Test
  void garbage_ofTheAgent_endsItsConnectionAndNotTheService() throws Exception {
    guest.open(nr);
    guest.write(nr, new byte[] {9, 9, 9, 9, 9, 9, 9, 9});
    machine.events.await("host disconnected agent");

    guest.close(nr);
    openAgent();

    await(ANNOUNCE);
    setText("still there");
    assertEquals(0, await(GRAB).getInt(0));
  }

  @Test
  void hostWithoutADescriptor_servesTheNextAgentLater() throws Exception {
    openAgent();
    await(ANNOUNCE);
    CountDownLatch refused = new CountDownLatch(1);
    FaultInjection.Rule once =
        (kind, _) -> {
          if (!kind.equals("socketpair") || refused.getCount() == 0) {
            return 0;
          }
          refused.countDown();
          return -Errno.EMFILE;
        };

    try (FaultInjection _ = FaultInjection.by(once)) {
      guest.close(nr);
      assertTrue(refused.await(20, TimeUnit.SECONDS));
    }
    openAgent();

    setText("still there");
    assertEquals(0, await(GRAB).getInt(0));
  }

  @Test
  void close_removesTheSocketAndDisconnectsPrograms() throws Exception {
    try (Clipboard program = Clipboard.connect(socket)) {
      program.connected().get(20, TimeUnit.SECONDS);
      machine.close();

      assertThrows(IOException.class, () -> program.text(LIMIT));
      assertEquals(false, Files.exists(socket));
    }
  }
}
