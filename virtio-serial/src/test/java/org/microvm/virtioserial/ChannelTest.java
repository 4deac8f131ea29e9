package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ClosedChannelException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.microvm.virtioserial.channel.Channel;
import org.microvm.virtioserial.channel.ChannelBackend;
import org.microvm.virtioserial.channel.PortClosedException;

/** Channels: ports for programs in the same JVM. */
class ChannelTest extends SerialMachineFixture {
  private static final long LIMIT = Await.LIMIT.toSeconds();

  private int nr;

  @BeforeEach
  void start() throws Exception {
    nr = machine.device.addPort(PortConfig.named("api"), new ChannelBackend(machine.loop)).nr();
    guest.boot();
    machine.introduce(nr);
  }

  @Test
  void channel_openAndClosed_isReportedToTheGuest() throws Exception {
    try (var _ = machine.device.openChannel("api")) {
      assertEquals(Control.open(nr, 1), guest.next());
    }
    assertEquals(Control.open(nr, 0), guest.next());
  }

  @Test
  void bytes_passBothWaysWithoutCopyByTheDevice() throws Exception {
    guest.open(nr);
    try (Channel channel = machine.device.openChannel("api")) {
      channel.write(ByteBuffer.wrap("ping".getBytes()));
      assertEquals("ping", new String(guest.read(nr, 4)));
      guest.write(nr, "pong".getBytes());

      assertEquals("pong", read(channel, 4));
      assertEquals(0, machine.numbers(nr).bytesCopied());
    }
  }

  @Test
  void channelsInQuickSuccession_nothingIsLostAndNothingStays() throws Exception {
    long before = descriptors();
    CompletableFuture<Void> busy = new CompletableFuture<>();
    machine.loop.execute(busy::join);
    for (String text : List.of("one ", "two ", "three")) {
      try (Channel channel = machine.device.openChannel("api")) {
        channel.write(ByteBuffer.wrap(text.getBytes()));
      }
    }
    busy.complete(null);
    guest.open(nr);

    assertEquals("one two three", new String(guest.read(nr, 13)));
    for (int channel = 0; channel < 3; channel++) {
      machine.events.await("host disconnected api");
    }
    machine.idle();
    assertEquals(before, descriptors());
  }

  @Test
  void channelsWithoutReaders_areBounded() throws Exception {
    CompletableFuture<Void> busy = new CompletableFuture<>();
    machine.loop.execute(busy::join);
    IOException refused =
        assertThrows(
            IOException.class,
            () -> {
              for (int i = 0; i < 1000; i++) {
                machine.device.openChannel("api").close();
              }
            });
    busy.complete(null);

    assertTrue(refused.getMessage().contains("128 earlier channels"), refused.getMessage());
  }

  private static long descriptors() throws IOException {
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      return all.count();
    }
  }

  @Test
  void directBuffers_passBothWays() throws Exception {
    guest.open(nr);
    try (Channel channel = machine.device.openChannel("api")) {
      ByteBuffer direct = ByteBuffer.allocateDirect(8).put("__ping__".getBytes());
      direct.position(2).limit(6);
      assertEquals(4, channel.write(direct));
      assertEquals(6, direct.position());
      assertEquals("ping", new String(guest.read(nr, 4)));
      guest.write(nr, "pong".getBytes());

      direct.position(1).limit(5);
      channel.read(direct);
      assertEquals("_pongg__", text(direct.clear()));
    }
  }

  @Test
  void largeMessageAfterShortOnes_arrivesWhole() throws Exception {
    guest.open(nr);
    try (Channel channel = machine.device.openChannel("api")) {
      for (int length : new int[] {1, 4096, 4097, 100_000, 5}) {
        byte[] bytes = Guest.bytes(length, length);
        var writer = CompletableFuture.supplyAsync(() -> writeUnchecked(channel, bytes));
        assertArrayEquals(bytes, guest.read(nr, length));
        assertEquals(length, writer.get(LIMIT, TimeUnit.SECONDS));
      }
    }
  }

  @Test
  void blockingRead_waitsForTheGuest() throws Exception {
    try (Channel channel = machine.device.openChannel("api")) {
      var reader = CompletableFuture.supplyAsync(() -> readUnchecked(channel, 5));
      machine.idle();
      assertFalse(reader.isDone());

      guest.write(nr, "hello".getBytes());

      assertEquals("hello", reader.get(LIMIT, TimeUnit.SECONDS));
    }
  }

  @Test
  void blockingWrite_waitsForASlowGuest() throws Exception {
    guest.open(nr);
    byte[] bytes = Guest.bytes(3 << 20, 3);
    try (Channel channel = machine.device.openChannel("api")) {
      var writer = CompletableFuture.supplyAsync(() -> writeUnchecked(channel, bytes));

      assertArrayEquals(bytes, guest.read(nr, bytes.length));

      assertEquals(bytes.length, writer.get(LIMIT, TimeUnit.SECONDS));
    }
  }

  @Test
  void nonBlocking_givesWhatThereIs() throws Exception {
    try (Channel channel = machine.device.openChannel("api")) {
      channel.setBlocking(false);
      assertEquals(0, channel.read(ByteBuffer.allocate(10)));

      int written = channel.write(ByteBuffer.allocate(64 << 20));

      assertTrue(written > 0 && written < 64 << 20);
    }
  }

  @Test
  void streams_ofTheJdkWork() throws Exception {
    try (Channel channel = machine.device.openChannel("api");
        InputStream stream = Channels.newInputStream(channel)) {
      guest.write(nr, "line\n".getBytes());

      assertEquals("line\n", new String(stream.readNBytes(5)));
    }
  }

  @Test
  void guestOpened_completesWhenTheGuestOpensThePort() throws Exception {
    try (Channel channel = machine.device.openChannel("api")) {
      CompletableFuture<Void> opened = channel.guestOpened();
      assertFalse(opened.isDone());

      guest.open(nr);

      opened.get(LIMIT, TimeUnit.SECONDS);
    }
  }

  @Test
  void guestOpened_isDoneWhenThePortWasOpenBefore() throws Exception {
    guest.open(nr);
    try (Channel channel = machine.device.openChannel("api")) {
      channel.guestOpened().get(LIMIT, TimeUnit.SECONDS);
    }
  }

  @Test
  void guestOpened_isNewAfterTheGuestHasClosed() throws Exception {
    guest.open(nr);
    try (Channel channel = machine.device.openChannel("api")) {
      guest.close(nr);
      CompletableFuture<Void> again = channel.guestOpened();
      assertFalse(again.isDone());

      guest.open(nr);

      again.get(LIMIT, TimeUnit.SECONDS);
    }
  }

  @Test
  void removal_endsABlockedReadAndTheFuture() throws Exception {
    try (Channel channel = machine.device.openChannel("api")) {
      var reader = CompletableFuture.supplyAsync(() -> readUnchecked(channel, 1));
      CompletableFuture<Void> opened = channel.guestOpened();
      machine.idle();

      machine.device.removePort(nr);

      assertCause(PortClosedException.class, reader);
      assertCause(PortClosedException.class, opened);
      assertThrows(PortClosedException.class, () -> channel.write(ByteBuffer.allocate(1)));
    }
  }

  @Test
  void removal_leavesWhatWasSentToBeRead() throws Exception {
    try (Channel channel = machine.device.openChannel("api")) {
      guest.write(nr, "last".getBytes());
      guest.awaitSent(nr, 1);

      machine.device.removePort(nr);

      assertEquals("last", read(channel, 4));
      assertThrows(PortClosedException.class, () -> channel.read(ByteBuffer.allocate(1)));
    }
  }

  @Test
  void endOfTheVm_endsABlockedWrite() throws Exception {
    Channel channel = machine.device.openChannel("api");
    var writer = CompletableFuture.supplyAsync(() -> writeUnchecked(channel, new byte[64 << 20]));
    Await.until(machine.loop, "held", () -> machine.numbers(nr).bytesHeldForGuest() == 1 << 20);

    machine.close();

    assertCause(PortClosedException.class, writer);
  }

  @Test
  void close_endsABlockedRead() throws Exception {
    Channel channel = machine.device.openChannel("api");
    var reader = CompletableFuture.supplyAsync(() -> readUnchecked(channel, 1));
    machine.idle();

    channel.close();

    assertCause(ClosedChannelException.class, reader);
  }

  @Test
  void interrupt_endsABlockedReadAndLeavesTheChannelOpen() throws Exception {
    try (Channel channel = machine.device.openChannel("api")) {
      Thread.currentThread().interrupt();

      assertThrows(InterruptedIOException.class, () -> channel.read(ByteBuffer.allocate(1)));

      assertTrue(Thread.interrupted());
      assertTrue(channel.isOpen());
    }
  }

  @Test
  void secondChannel_isRefusedWhileThereIsOne() throws Exception {
    try (var _ = machine.device.openChannel("api")) {
      var failure = assertThrows(IOException.class, () -> machine.device.openChannel("api"));

      assertEquals("the port already has an open channel", failure.getMessage());
    }
  }

  @Test
  void channelOpenedAgain_getsItsOwnConnection() throws Exception {
    for (int i = 0; i < 100; i++) {
      guest.open(nr);
      try (Channel channel = machine.device.openChannel("api")) {
        channel.write(ByteBuffer.wrap(new byte[] {(byte) i}));
        assertEquals((byte) i, guest.read(nr, 1)[0]);
      }
    }
  }

  @Test
  void channel_ofAPortForOthersIsRefused() throws Exception {
    machine.addUnix("a");

    var failure = assertThrows(PortException.class, () -> machine.device.openChannel("a"));

    assertEquals(
        "port 2 (a) cannot be opened as a channel: its host end is unix:%s,server=on"
            .formatted(machine.path("a")),
        failure.getMessage());
  }

  @Test
  void channel_ofNoPortIsRefused() {
    var failure = assertThrows(PortException.class, () -> machine.device.openChannel("b"));

    assertEquals("there is no port named \"b\"", failure.getMessage());
  }

  private static void assertCause(
      Class<? extends Throwable> expected, CompletableFuture<?> future) {
    var failure = assertThrows(ExecutionException.class, () -> future.get(LIMIT, TimeUnit.SECONDS));
    Throwable cause = failure.getCause();
    assertEquals(
        expected, cause instanceof AssertionError ? cause.getCause().getClass() : cause.getClass());
  }

  private static String read(Channel channel, int count) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(count);
    while (buffer.hasRemaining()) {
      channel.read(buffer);
    }
    return text(buffer.flip());
  }

  private static String text(ByteBuffer buffer) {
    byte[] bytes = new byte[buffer.remaining()];
    buffer.get(bytes);
    return new String(bytes);
  }

  private static String readUnchecked(Channel channel, int count) {
    try {
      return read(channel, count);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static int writeUnchecked(Channel channel, byte[] bytes) {
    try {
      return channel.write(ByteBuffer.wrap(bytes));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
