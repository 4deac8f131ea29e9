package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.linux.Fd;
import org.microvm.linux.UnixListener;
import org.microvm.linux.UnixSocket;
import org.microvm.machine.migration.Migration;
import org.microvm.machine.migration.MigrationProgress.Status;
import org.microvm.machine.transfer.MigrationStream;
import org.microvm.machine.transfer.MigrationStream.Frame;
import org.microvm.machine.transfer.MigrationStream.Type;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.PortException;

/** A destination that has loaded the guest and must not run it; the test is between the two. */
@RequiresKvm
@Timeout(120)
class AbortedHandoverTest extends MigrationFixture {
  @Test
  void bytesOfTheGuest_areNotSentByTheDestinationAsWell() throws Exception {
    Machine machine = start("wait=halt");
    byte[] sent = new byte[4 << 20];
    new Random(5).nextBytes(sent);
    ByteBuffer back = ByteBuffer.allocate(sent.length);
    try (SocketChannel host = connect()) {
      CompletableFuture<Void> writer =
          CompletableFuture.runAsync(() -> SerialEcho.write(host, sent), threads);
      awaitStall(machine);

      handOverInVain(machine, () -> host.read(back.limit(64 << 10)));

      readRest(host, back);
      writer.get(30, TimeUnit.SECONDS);
      assertArrayEquals(sent, back.array());
    }
  }

  /** Waits until the host program, which does not read, holds the guest back. */
  private static void awaitStall(Machine machine) throws PortException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (machine.channels().status(1).statistics().hostStalls() == 0) {
      assertTrue(System.nanoTime() < deadline, "the guest is not held back");
      Thread.onSpinWait();
    }
  }

  private interface Step {
    void run() throws IOException;
  }

  /**
   * Lets a destination load the guest, and then keeps it at the source.
   *
   * @param loaded is run when the destination is ready
   */
  private void handOverInVain(Machine machine, Step loaded) throws Exception {
    CompletableFuture<Machine> there = awaitGuest(incomingConfig());
    Path between = incoming().resolveSibling("between");
    try (UnixListener listener = UnixListener.open(between)) {
      listener.fd().nonBlocking(false);
      Migration migration = machine.migrate(between, LIMITS);
      try (MigrationStream source = new MigrationStream(UnixSocket.accept(listener.fd()));
          MigrationStream destination = new MigrationStream(UnixSocket.connect(incoming()))) {
        relayState(source, destination);
        assertEquals(Type.READY, destination.read().type());
        loaded.run();
        destination.write(Type.ABORT, "test");
        assertThrows(ExecutionException.class, () -> there.get(30, TimeUnit.SECONDS));
      }
      assertEquals(Status.FAILED, migration.result().get(30, TimeUnit.SECONDS).status());
    }
  }

  /** Copies the frames from the source up to the guest's state. */
  private static void relayState(MigrationStream source, MigrationStream destination)
      throws IOException {
    Type last = null;
    while (last != Type.STATE) {
      Frame frame = source.read();
      last = frame.type();
      byte[] payload = frame.payload();
      if (last == Type.PAGES) {
        MemorySegment pages = Arena.ofAuto().allocate(frame.length());
        source.readAll(pages);
        payload = pages.toArray(ValueLayout.JAVA_BYTE);
      }
      destination.write(last, frame.argument(), payload, frame.descriptors());
      frame.descriptors().forEach(Fd::close);
      if (last == Type.HELLO) {
        assertEquals(Type.OK, destination.read().type());
        source.write(Type.OK);
      }
    }
  }
}
