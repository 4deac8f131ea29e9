package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.microvm.devices.testing.Buffer;

/**
 * Virtio 1.3, sections 5.3.6 and 2.7.4, and items C13 to C18 and C26 of docs/conformance.md: data
 * and connection state.
 */
@DisplayName("5.3.6 Console Device: Device Operation")
class DataConformanceTest extends OnePortFixture {
  @Test
  void c13_hostBytes_waitForTheGuestToOpenThePort() throws Exception {
    try (Host host = machine.connect("a")) {
      host.write("early");
      machine.idle();
      assertEquals(0, guest.queue(Guest.in(nr)).usedIndex());

      guest.open(nr);

      assertEquals("early", text(guest.read(nr, 5)));
    }
  }

  @Test
  void c13_hostBytes_stopWhenTheGuestClosesAndContinueWhenItOpensAgain() throws Exception {
    guest.open(nr);
    try (Host host = machine.connect("a")) {
      host.write("one");
      assertEquals("one", text(guest.read(nr, 3)));

      guest.close(nr);
      host.write("two");
      machine.idle();
      assertNull(guest.queue(Guest.in(nr)).poll());

      guest.open(nr);
      assertEquals("two", text(guest.read(nr, 3)));
    }
  }

  @Test
  void c13_virtioWin195_nothingIsDeliveredAfterTheCloseWasUsed() throws Exception {
    guest.open(nr);
    try (Host host = machine.connect("a")) {
      host.fill();
      guest.read(nr, Guest.PAGE);

      guest.close(nr);
      int used = guest.queue(Guest.in(nr)).usedIndex();
      guest.addBuffers(Guest.in(nr), guest.queue(Guest.in(nr)).freeDescriptors(), Guest.PAGE);
      machine.idle();

      assertEquals(used, guest.queue(Guest.in(nr)).usedIndex());
    }
  }

  @Test
  void c14_usedLength_isTheNumberOfBytes() throws Exception {
    guest.open(nr);
    try (Host host = machine.connect("a")) {
      host.write(Guest.bytes(Guest.PAGE + 1, 3));

      assertArrayEquals(Guest.bytes(Guest.PAGE + 1, 3), guest.read(nr, Guest.PAGE + 1));
    }
  }

  @Test
  void c14_endOfStream_usesNoBuffer() throws Exception {
    guest.open(nr);
    machine.connect("a").close();
    machine.events.await("host disconnected a");

    assertEquals(0, guest.queue(Guest.in(nr)).usedIndex());
  }

  @Test
  void c14_receiveBufferOfManyPieces_isFilledInOrder() throws Exception {
    guest.probe(guest.driver().offeredFeatures());
    guest.sendControl(-1, Control.DEVICE_READY, 1);
    guest.sendControl(nr, Control.PORT_READY, 1);
    long address = guest.ram().allocate(64, 1);
    guest
        .driver()
        .send(
            Guest.in(nr),
            Buffer.writable(address + 32, 1),
            Buffer.writable(address, 2),
            Buffer.writable(address + 16, 16));
    guest.open(nr);
    try (Host host = machine.connect("a")) {
      host.write("abcdef");

      assertEquals(6, guest.awaitUsed(Guest.in(nr)).length());
      assertEquals("a", text(guest.ram().load(address + 32, 1)));
      assertEquals("bc", text(guest.ram().load(address, 2)));
      assertEquals("def", text(guest.ram().load(address + 16, 3)));
    }
  }

  @Test
  void c15_transmit_isUsedWithLength0AndInterrupts() throws Exception {
    try (Host host = machine.connect("a")) {
      guest.queue(Guest.out(nr)).enableInterrupts();
      guest.driver().acknowledge();

      guest.write(nr, "x".getBytes());

      assertEquals(0, guest.awaitUsed(Guest.out(nr)).length());
      assertEquals(1, guest.driver().acknowledge() & 1);
      assertEquals("x", host.readText(1));
    }
  }

  @Test
  void c15_transmitOfManyPieces_isWrittenInOrder() throws Exception {
    long text = guest.ram().store("worldhello ".getBytes());
    try (Host host = machine.connect("a")) {
      guest.write(
          nr, Buffer.readable(text + 5, 1), Buffer.readable(text + 6, 5), Buffer.readable(text, 5));

      assertEquals("hello world", host.readText(11));
    }
  }

  @Test
  void c15_transmitOfMoreRangesThanOneCallTakes_isWrittenWhole() throws Exception {
    byte[] bytes = Guest.bytes(1000, 9);
    long address = guest.ram().store(bytes);
    Buffer[] pieces = new Buffer[1000];
    for (int i = 0; i < pieces.length; i++) {
      pieces[i] = Buffer.readable(address + i, 1);
    }
    try (Host host = machine.connect("a")) {
      guest.queue(Guest.out(nr)).addIndirect(pieces);
      guest.driver().notifyQueue(Guest.out(nr));

      assertArrayEquals(bytes, host.read(1000));
      guest.awaitSent(nr, 1);
    }
  }

  @Test
  void c15_emptyTransmitBuffer_isUsed() throws Exception {
    try (Host host = machine.connect("a")) {
      guest.write(nr, Buffer.readable(guest.ram().allocate(1, 1), 0));
      guest.write(nr, "x".getBytes());

      guest.awaitSent(nr, 2);
      assertEquals("x", host.readText(1));
    }
  }

  @Test
  void c10_hostConnecting_isReportedToTheGuest() throws Exception {
    try (var _ = machine.connect("a")) {
      assertEquals(Control.open(nr, 1), guest.next());
    }
    assertEquals(Control.open(nr, 0), guest.next());
  }

  @Test
  void c17_hostLeaving_isReportedAfterItsLastByteIsInTheRing() throws Exception {
    guest.open(nr);
    byte[] bytes = Guest.bytes(100_000, 5);
    try (Host host = machine.connect("a")) {
      guest.next();
      host.write(bytes);
    }
    assertEquals(Control.open(nr, 0), guest.next());

    int inRing = guest.queue(Guest.in(nr)).usedIndex();
    assertArrayEquals(bytes, guest.read(nr, bytes.length));
    assertEquals(guest.queue(Guest.in(nr)).usedIndex(), inRing);
  }

  @Test
  void c17_hostLeavingWhileTheGuestIsSlow_isReportedOnlyAfterAllBytes() throws Exception {
    guest.open(nr);
    byte[] bytes = Guest.bytes(64 * Guest.PAGE + 5000, 5);
    Thread client = Thread.ofVirtual().start(() -> writeAndLeave(bytes));
    machine.events.await("host connected a");
    guest.next();
    // All 64 buffers are used and the client has disconnected; the rest is in the socket.
    Await.until(machine.loop, "ring full", () -> guest.queue(Guest.in(nr)).usedIndex() == 64);
    client.join();
    machine.idle();
    assertEquals(List.of(), guest.waiting());

    assertArrayEquals(bytes, guest.read(nr, bytes.length));
    assertEquals(Control.open(nr, 0), guest.next());
  }

  @Test
  void c17_hostLeavingWhileTheGuestHasThePortClosed_isReportedAfterTheGuestGotTheBytes()
      throws Exception {
    try (Host host = machine.connect("a")) {
      guest.next();
      host.write("letter");
    }
    machine.idle();
    assertEquals(List.of(), guest.waiting());
    assertTrue(machine.status(nr).hostConnected());

    guest.open(nr);

    assertEquals("letter", text(guest.read(nr, 6)));
    assertEquals(Control.open(nr, 0), guest.next());
  }

  @Test
  void c17_nextHost_isServedAfterTheBytesOfTheOneBefore() throws Exception {
    try (Host host = machine.connect("a")) {
      host.write("one");
    }
    try (Host host = Host.connect(machine.path("a"))) {
      host.write("two");
      guest.open(nr);

      assertEquals("onetwo", text(guest.read(nr, 6)));
      assertEquals(
          List.of(Control.open(nr, 1), Control.open(nr, 0), Control.open(nr, 1)), guest.next(3));
    }
  }

  @Test
  void halfClosedHost_stillGetsTheAnswer() throws Exception {
    guest.open(nr);
    try (Host host = machine.connect("a")) {
      assertEquals(Control.open(nr, 1), guest.next());
      host.write("request");
      host.endOutput();
      assertEquals("request", text(guest.read(nr, 7)));
      machine.idle();
      assertEquals(List.of(), guest.waiting());

      guest.write(nr, "answer".getBytes());
      assertEquals("answer", host.readText(6));
    }
    assertEquals(Control.open(nr, 0), guest.next());
  }

  @Test
  void hostThatReadsNoMore_mayStillSend() throws Exception {
    guest.open(nr);
    try (Host host = machine.connect("a")) {
      guest.next();
      host.socket().shutdownInput();
      guest.write(nr, "to nobody".getBytes());
      machine.idle();

      host.write("still here");
      assertEquals("still here", text(guest.read(nr, 10)));
      assertNull(guest.queue(Guest.out(nr)).poll());
    }
    assertEquals(Control.open(nr, 0), guest.next());
  }

  @Test
  void guestBytes_withoutHostWaitForTheNextOne() throws Exception {
    guest.write(nr, "kept".getBytes());
    machine.idle();
    assertNull(guest.queue(Guest.out(nr)).poll());

    try (Host host = machine.connect("a")) {
      assertEquals("kept", host.readText(4));
      guest.awaitSent(nr, 1);
      assertEquals(0, machine.numbers(nr).bytesCopied());
    }
  }

  @Test
  void guestBytes_thatTheHostDidNotTakeGoToTheNextOne() throws Exception {
    byte[] bytes = Guest.bytes(1 << 20, 8);
    long taken;
    try (Host host = machine.connect("a")) {
      guest.write(nr, bytes);
      host.read(1);
      machine.idle();
      taken = machine.numbers(nr).bytesFromGuest();
    }
    machine.events.await("host disconnected a");
    assertTrue(taken > 0 && taken < bytes.length);

    // Bytes in the kernel's socket are lost with it; bytes that the VMM kept are not.
    try (Host host = machine.connect("a")) {
      byte[] rest = host.read((int) (bytes.length - taken));
      assertArrayEquals(java.util.Arrays.copyOfRange(bytes, (int) taken, bytes.length), rest);
    }
  }

  @Test
  void c18_reset_endsNothingOnTheHostsSide() throws Exception {
    guest.open(nr);
    try (Host host = machine.connect("a")) {
      guest.driver().reset();
      host.write("for the next guest");
      machine.idle();

      guest.boot();
      machine.introduce(nr);
      guest.open(nr);

      assertEquals("for the next guest", text(guest.read(nr, 18)));
    }
  }

  @Test
  void c26_resetInTheMiddleOfABuffer_writesNoByteTwice() throws Exception {
    byte[] bytes = Guest.bytes(1 << 20, 8);
    try (Host host = machine.connect("a")) {
      guest.write(nr, bytes);
      machine.idle();
      int taken = (int) machine.numbers(nr).bytesFromGuest();
      assertTrue(taken > 0 && taken < bytes.length);

      guest.boot();
      machine.introduce(nr);
      guest.write(nr, "new".getBytes());

      assertArrayEquals(java.util.Arrays.copyOf(bytes, taken), host.read(taken));
      assertEquals("new", host.readText(3));
    }
  }

  @Test
  void c26_unplugInTheMiddleOfABuffer_completesIt() throws Exception {
    guest.open(nr);
    try (Host host = machine.connect("a")) {
      guest.next();
      guest.write(nr, Guest.bytes(1 << 20, 8));
      guest.write(nr, Guest.bytes(10, 8));
      machine.idle();
      assertFalse(guest.queue(Guest.out(nr)).usedIndex() == 2);

      machine.device.removePort(nr);

      guest.awaitSent(nr, 2);
      assertEquals(Control.remove(nr), guest.next());
      int received = host.read(1 << 20).length;
      assertTrue(received > 0);
      assertTrue(host.atEnd());
    }
  }

  private void writeAndLeave(byte[] bytes) {
    try (Host host = Host.connect(machine.path("a"))) {
      host.write(bytes);
    } catch (java.io.IOException e) {
      throw new AssertionError(e);
    }
  }

  private static String text(byte[] bytes) {
    return new String(bytes);
  }
}
