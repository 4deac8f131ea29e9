package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.microvm.virtioserial.channel.Channel;
import org.microvm.virtioserial.channel.ChannelBackend;

/** What programs expect of every {@link java.nio.channels.ByteChannel}. */
class ChannelContractTest extends SerialMachineFixture {
  private static final long LIMIT = Await.LIMIT.toSeconds();

  private Channel channel;
  private int nr;

  @BeforeEach
  void open() throws Exception {
    nr = machine.device.addPort(PortConfig.named("api"), new ChannelBackend(machine.loop)).nr();
    guest.boot();
    machine.introduce(nr);
    channel = machine.device.openChannel("api");
  }

  @Test
  void closed_evenAnEmptyTransferIsRefused() {
    channel.close();

    ByteBuffer empty = ByteBuffer.allocate(0);
    assertThrows(ClosedChannelException.class, () -> channel.read(empty));
    assertThrows(ClosedChannelException.class, () -> channel.write(empty));
  }

  @Test
  void close_endsTheWaitForTheGuest() {
    CompletableFuture<Void> opened = channel.guestOpened();

    channel.close();

    assertClosed(opened);
    assertClosed(channel.guestOpened());
  }

  @Test
  void closed_isNotOpenForTheGuestThatHadOpenedThePort() throws Exception {
    guest.open(nr);
    channel.guestOpened().get(LIMIT, TimeUnit.SECONDS);

    channel.close();

    assertClosed(channel.guestOpened());
  }

  private static void assertClosed(CompletableFuture<Void> opened) {
    var failure = assertThrows(ExecutionException.class, () -> opened.get(LIMIT, TimeUnit.SECONDS));
    assertInstanceOf(ClosedChannelException.class, failure.getCause());
  }

  @Test
  void read_intoAReadOnlyBuffer_isRefusedBeforeBytesAreTaken() throws Exception {
    guest.write(nr, "pong".getBytes());
    ByteBuffer memory = ByteBuffer.allocateDirect(4);

    assertThrows(IllegalArgumentException.class, () -> channel.read(memory.asReadOnlyBuffer()));
    assertThrows(
        IllegalArgumentException.class,
        () -> channel.read(ByteBuffer.allocate(4).asReadOnlyBuffer()));

    assertEquals(0, memory.getInt(0));
    ByteBuffer received = ByteBuffer.allocate(4);
    while (received.hasRemaining()) {
      channel.read(received);
    }
    assertEquals("pong", new String(received.array()));
  }

  @Test
  void interrupt_endsTheWaitForAnotherReader() throws Exception {
    Thread first = Thread.ofVirtual().start(this::readUntilClosed);
    awaitWaiting(first);
    FutureTask<Boolean> reader = new FutureTask<>(this::isInterruptedInARead);
    Thread second = Thread.ofPlatform().daemon().start(reader);
    awaitWaiting(second);

    second.interrupt();

    assertTrue(reader.get(LIMIT, TimeUnit.SECONDS), "the thread stays interrupted");
    assertTrue(first.isAlive());
    channel.close();
    first.join();
  }

  @Test
  void interrupted_mayWriteWithoutWaiting() throws Exception {
    Thread.currentThread().interrupt();

    assertEquals(4, channel.write(ByteBuffer.wrap("ping".getBytes())));

    assertTrue(Thread.interrupted());
    guest.open(nr);
    assertEquals("ping", new String(guest.read(nr, 4)));
  }

  @Test
  void read_thatWouldWaitOnTheEventLoop_isRefused() {
    CompletableFuture<Void> read = new CompletableFuture<>();
    machine.loop.execute(
        () -> {
          assertThrows(IllegalStateException.class, () -> channel.read(ByteBuffer.allocate(1)));
          read.complete(null);
        });

    assertDoesNotThrow(() -> read.get(LIMIT, TimeUnit.SECONDS));
  }

  private void readUntilClosed() {
    try {
      channel.read(ByteBuffer.allocate(1));
    } catch (IOException e) {
      assertFalse(channel.isOpen());
    }
  }

  private boolean isInterruptedInARead() {
    assertThrows(InterruptedIOException.class, () -> channel.read(ByteBuffer.allocate(1)));
    return Thread.currentThread().isInterrupted();
  }

  private static void awaitWaiting(Thread thread) {
    while (thread.getState() != Thread.State.WAITING) {
      Thread.onSpinWait();
    }
  }
}
