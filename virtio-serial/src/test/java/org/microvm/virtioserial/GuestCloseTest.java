package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.virtioserial.backend.NullBackend;
import org.microvm.virtioserial.backend.PortBackend;
import org.microvm.virtioserial.channel.Channel;
import org.microvm.virtioserial.channel.ChannelBackend;
import org.microvm.virtioserial.channel.PortClosedException;

/**
 * The effect of the guest's close on the host program's connection: guest_close=hold|disconnect.
 */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class GuestCloseTest extends SerialMachineFixture {
  @BeforeEach
  void start() throws Exception {
    guest.boot();
  }

  @Test
  void hold_isTheDefault() {
    assertEquals(GuestClose.HOLD, PortConfig.named("a").guestClose());
  }

  @Test
  void hold_connectionOutlivesTheGuestsClose() throws Exception {
    int nr = port(GuestClose.HOLD);
    guest.open(nr);
    try (Host host = machine.connect("a")) {
      for (int i = 0; i < 3; i++) {
        guest.close(nr);
        machine.events.await("guest closed a");
        assertTrue(machine.status(nr).hostConnected());
        guest.open(nr);
        guest.write(nr, "again".getBytes());
        assertEquals("again", host.readText(5));
      }
    }
  }

  @Test
  void disconnect_hostGetsWhatWasSentAndThenTheEnd() throws Exception {
    int nr = port(GuestClose.DISCONNECT);
    guest.open(nr);
    try (Host host = machine.connect("a")) {
      guest.write(nr, "last words".getBytes());
      guest.close(nr);

      assertEquals("last words", host.readText(10));
      assertTrue(host.atEnd());
      machine.events.await("host disconnected a");
    }
  }

  @Test
  void disconnect_waitsForAHostThatReadsSlowly() throws Exception {
    int nr = port(GuestClose.DISCONNECT);
    guest.open(nr);
    byte[] bytes = Guest.bytes(2 << 20, 1);
    try (Host host = machine.connect("a")) {
      guest.write(nr, bytes);
      guest.close(nr);
      machine.idle();
      assertTrue(machine.status(nr).hostConnected());

      assertArrayEquals(bytes, host.read(bytes.length));
      assertTrue(host.atEnd());
    }
  }

  @Test
  void disconnect_whatTheNextOpeningSendsIsForTheNextHost() throws Exception {
    int nr = port(GuestClose.DISCONNECT);
    guest.open(nr);
    byte[] first = Guest.bytes(2 << 20, 1);
    try (Host host = machine.connect("a")) {
      guest.write(nr, first);
      guest.close(nr);
      guest.open(nr);
      guest.write(nr, "for the next".getBytes());
      machine.idle();

      assertArrayEquals(first, host.read(first.length));
      assertTrue(host.atEnd());
    }
    try (Host host = machine.connect("a")) {
      assertEquals("for the next", host.readText(12));
    }
  }

  @Test
  void disconnect_whatTheGuestHasNotReadIsDroppedAndCounted() throws Exception {
    int nr = port(GuestClose.DISCONNECT);
    guest.open(nr);
    byte[] bytes = Guest.bytes(65 * Guest.PAGE, 1);
    try (Host host = machine.connect("a")) {
      host.write(bytes);
      Await.until(machine.loop, "stall", () -> machine.numbers(nr).guestStalls() > 0);
      guest.close(nr);
      machine.events.await("host disconnected a");
    }
    PortStatistics numbers = machine.numbers(nr);
    assertTrue(numbers.toGuest().bytesDropped() > 0);
    assertEquals(bytes.length, numbers.bytesToGuest() + numbers.toGuest().bytesDropped());
    assertEquals(0, machine.numbers(nr).bytesHeldForGuest());
  }

  @Test
  void disconnect_withoutHost_isHarmless() throws Exception {
    int nr = port(GuestClose.DISCONNECT);
    guest.open(nr);
    guest.close(nr);
    machine.idle();

    guest.open(nr);
    try (Host host = machine.connect("a")) {
      host.write("still here");
      assertEquals("still here", new String(guest.read(nr, 10)));
    }
  }

  @Test
  void disconnect_hostThatConnectsWhileTheGuestIsAwayStays() throws Exception {
    int nr = port(GuestClose.DISCONNECT);
    try (Host host = machine.connect("a")) {
      guest.close(nr); // no change
      machine.idle();
      assertTrue(machine.status(nr).hostConnected());
      guest.open(nr);
      host.write("hello");

      assertEquals("hello", new String(guest.read(nr, 5)));
    }
  }

  @Test
  void disconnect_isReportedToTheGuest() throws Exception {
    int nr = port(GuestClose.DISCONNECT);
    guest.open(nr);
    try (var _ = machine.connect("a")) {
      assertEquals(Control.open(nr, 1), guest.next());
      guest.close(nr);

      assertEquals(Control.open(nr, 0), guest.next());
    }
  }

  @Test
  void disconnect_guestResetEndsTheConnectionToo() throws Exception {
    int nr = port(GuestClose.DISCONNECT);
    guest.open(nr);
    try (Host host = machine.connect("a")) {
      guest.write(nr, Guest.bytes(2 << 20, 1));
      guest.driver().reset();

      while (!host.atEnd()) {}
      machine.events.await("host disconnected a");
    }
  }

  @Test
  void disconnect_hostThatNeverReadsCanStillLeave() throws Exception {
    int nr = port(GuestClose.DISCONNECT);
    guest.open(nr);
    try (var _ = machine.connect("a")) {
      guest.write(nr, Guest.bytes(2 << 20, 1));
      guest.close(nr);
      machine.idle();
    }
    machine.events.await("host disconnected a");
  }

  @Test
  void disconnect_storm_everyHostGetsItsOwnBytes() throws Exception {
    int nr = port(GuestClose.DISCONNECT);
    for (int i = 0; i < 500; i++) {
      guest.open(nr);
      try (Host host = machine.connect("a")) {
        guest.write(nr, "%04d".formatted(i).getBytes());
        guest.close(nr);
        assertEquals("%04d".formatted(i), host.readText(4));
        assertTrue(host.atEnd());
      }
      machine.events.await("host disconnected a");
      guest.awaitSent(nr, 1);
      guest.waiting();
    }
    assertEquals(0, machine.numbers(nr).bytesDropped());
  }

  @Test
  void disconnect_stormOfOpensAndClosesEndsOneConnection() throws Exception {
    int nr = port(GuestClose.DISCONNECT);
    guest.open(nr);
    try (Host host = machine.connect("a")) {
      for (int i = 0; i < 10_000; i++) {
        guest.close(nr);
        guest.open(nr);
      }
      assertTrue(host.atEnd());
      machine.events.await("host disconnected a");
    }
    machine.connect("a").close();
  }

  @Test
  void disconnect_channelReadsTheEndAndCanBeOpenedAgain() throws Exception {
    ChannelBackend backend = new ChannelBackend(machine.loop);
    int nr = machine.device.addPort(config(GuestClose.DISCONNECT).withName("c"), backend).nr();
    machine.introduce(nr);
    for (int i = 0; i < 3; i++) {
      guest.open(nr);
      try (Channel channel = machine.device.openChannel("c")) {
        machine.events.await("host connected c");
        guest.write(nr, "bye".getBytes());
        guest.close(nr);
        ByteBuffer bytes = ByteBuffer.allocate(3);
        while (bytes.hasRemaining()) {
          channel.read(bytes);
        }
        assertEquals("bye", new String(bytes.array()));
        assertThrows(PortClosedException.class, () -> channel.read(ByteBuffer.allocate(1)));
      }
    }
  }

  @Test
  void disconnect_ofWhatHasNoPeerIsRefused() throws Exception {
    PortBackend backend = NullBackend.open();

    var failure =
        assertThrows(
            PortException.class,
            () -> machine.device.addPort(config(GuestClose.DISCONNECT), backend));

    assertEquals(
        "guest_close=disconnect: null has no client that could be disconnected",
        failure.getMessage());
    backend.close();
  }

  @Test
  void disconnect_ofAConsoleIsRefused() {
    var failure =
        assertThrows(
            IllegalArgumentException.class,
            () -> PortConfig.forConsole().withGuestClose(GuestClose.DISCONNECT));

    assertEquals(
        "guest_close=disconnect is not accepted for a console: its driver keeps it open",
        failure.getMessage());
  }

  private static PortConfig config(GuestClose close) {
    return PortConfig.named("a").withGuestClose(close);
  }

  private int port(GuestClose close) throws Exception {
    int nr = machine.addUnix(config(close), "a");
    machine.introduce(nr);
    return nr;
  }
}
