package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** cache_buffers, byte_limit and guest_byte_limit, as {@link PortConfig} defines them. */
class LimitsTest extends SerialMachineFixture {
  private static final int CHUNK = 1000;

  @Test
  void hostAway_aQuarterOfTheRingCostsNoMemory() throws Exception {
    int nr = port(PortConfig.named("a"));

    write(nr, 16);

    assertEquals(0, machine.numbers(nr).bytesHeldForHost());
    assertEquals(0, machine.numbers(nr).chainsFromGuest());
  }

  @Test
  void hostAway_whatIsMoreGoesToHostMemory() throws Exception {
    int nr = port(PortConfig.named("a"));

    write(nr, 64);

    assertEquals(48 * CHUNK, machine.numbers(nr).bytesHeldForHost());
    guest.awaitSent(nr, 48);
  }

  @Test
  void byteLimit_isExactAndThenTheGuestIsHeldBack() throws Exception {
    int nr = port(PortConfig.named("a").withByteLimit(2500));

    write(nr, 64);

    assertEquals(2500, machine.numbers(nr).bytesHeldForHost());
    assertEquals(2, machine.numbers(nr).chainsFromGuest());
    assertEquals(0, machine.numbers(nr).bytesDropped());
  }

  /** A guest that answers before it reads on, such as one that sends everything back. */
  @Test
  void byteLimit_guestThatReadsOnOnlyAfterItHasSent_isServedByTheNextHost() throws Exception {
    int nr = machine.addUnix(PortConfig.named("a").withByteLimit(2500), "a");
    guest.boot();
    machine.idle();
    guest.waiting();
    guest.sendControl(nr, Control.PORT_READY, 1); // without receive buffers
    guest.open(nr);
    byte[] requests = Guest.bytes(60_000, 1);
    try (Host first = machine.connect("a")) {
      first.write(requests);
    }
    write(nr, 64);

    try (Host next = machine.connect("a")) {
      assertEquals(64 * CHUNK, next.read(64 * CHUNK).length);
      guest.addBuffers(Guest.in(nr), 16, Guest.PAGE);
      assertArrayEquals(requests, guest.read(nr, requests.length));
    }
  }

  @Test
  void byteLimit_nothingIsLostOrChanged() throws Exception {
    int nr = port(PortConfig.named("a").withByteLimit(2500));
    write(nr, 64);

    try (Host host = machine.connect("a")) {
      byte[] all = host.read(64 * CHUNK);

      assertArrayEquals(Guest.bytes(CHUNK, 0), java.util.Arrays.copyOf(all, CHUNK));
      assertArrayEquals(
          Guest.bytes(CHUNK, 2), java.util.Arrays.copyOfRange(all, 2 * CHUNK, 3 * CHUNK));
      assertArrayEquals(
          Guest.bytes(CHUNK, 63), java.util.Arrays.copyOfRange(all, 63 * CHUNK, 64 * CHUNK));
      guest.awaitSent(nr, 64);
      assertEquals(0, machine.numbers(nr).bytesHeldForHost());
    }
  }

  @Test
  void byteLimit_zeroKeepsEverythingInTheRing() throws Exception {
    int nr = port(PortConfig.named("a").withByteLimit(0));

    write(nr, 64);

    assertEquals(0, machine.numbers(nr).bytesHeldForHost());
    assertEquals(0, machine.numbers(nr).chainsFromGuest());
  }

  @Test
  void byteLimit_keptBytesOutliveTheGuest() throws Exception {
    int nr = port(PortConfig.named("a"));
    write(nr, 64);

    guest.driver().reset();

    try (Host host = machine.connect("a")) {
      assertArrayEquals(Guest.bytes(CHUNK, 0), host.read(CHUNK));
    }
  }

  @Test
  void slowHost_isNotBufferedFor() throws Exception {
    int nr = port(PortConfig.named("a"));
    try (var _ = machine.connect("a")) {
      for (int i = 0; i < 64; i++) {
        guest.write(nr, Guest.bytes(32 * 1024, i));
      }
      machine.idle();

      assertEquals(0, machine.numbers(nr).bytesHeldForHost());
      assertEquals(0, machine.numbers(nr).bytesCopied());
      assertTrue(machine.numbers(nr).hostStalls() > 0);
    }
  }

  @Test
  void cacheOff_guestBytesWithoutHost_areDroppedCountedAndUsed() throws Exception {
    int nr = port(PortConfig.named("a").withCacheBuffers(false));

    write(nr, 64);

    guest.awaitSent(nr, 64);
    assertEquals(64 * CHUNK, machine.numbers(nr).bytesDropped());
  }

  @Test
  void cacheOff_whatAnAbsentHostLeftBehindIsDropped() throws Exception {
    int nr = port(PortConfig.named("a").withCacheBuffers(false));
    try (var _ = machine.connect("a")) {
      guest.write(nr, Guest.bytes(1 << 20, 1));
      machine.idle();
    }

    guest.awaitSent(nr, 1);
    PortStatistics numbers = machine.numbers(nr);
    assertEquals(1 << 20, numbers.bytesDropped() + numbers.bytesFromGuest());
  }

  @Test
  void cacheOff_hostBytesForAClosedGuestAreDroppedAndCounted() throws Exception {
    int nr = port(PortConfig.named("a").withCacheBuffers(false));
    try (Host host = machine.connect("a")) {
      host.write(Guest.bytes(500_000, 1));
      Await.until(machine.loop, "dropped", () -> machine.numbers(nr).bytesDropped() == 500_000);

      guest.open(nr);
      machine.idle();
      host.write("seen");

      assertEquals("seen", new String(guest.read(nr, 4)));
    }
  }

  @Test
  void guestByteLimit_isExactAndThenTheHostIsHeldBack() throws Exception {
    int nr = port(PortConfig.named("a").withGuestByteLimit(12345));
    try (Host host = machine.connect("a")) {
      host.fill();
      Await.until(machine.loop, "limit", () -> machine.numbers(nr).bytesHeldForGuest() == 12345);
      host.fill();
      machine.idle();

      assertEquals(12345, machine.numbers(nr).bytesHeldForGuest());
      assertEquals(0, host.fill());
    }
  }

  @Test
  void guestByteLimit_nothingIsLostOrChanged() throws Exception {
    int nr = port(PortConfig.named("a").withGuestByteLimit(12345));
    byte[] bytes = Guest.bytes(300_000, 4);
    try (Host host = machine.connect("a")) {
      Thread writer = Thread.ofVirtual().start(() -> write(host, bytes));
      Await.until(machine.loop, "limit", () -> machine.numbers(nr).bytesHeldForGuest() == 12345);

      guest.open(nr);

      assertArrayEquals(bytes, guest.read(nr, bytes.length));
      writer.join();
    }
  }

  @Test
  void guestByteLimit_zeroLeavesEverythingInTheSocket() throws Exception {
    int nr = port(PortConfig.named("a").withGuestByteLimit(0));
    try (Host host = machine.connect("a")) {
      host.write("waits");
      machine.idle();
      assertEquals(0, machine.numbers(nr).bytesHeldForGuest());

      guest.open(nr);

      assertEquals("waits", new String(guest.read(nr, 5)));
      assertEquals(0, machine.numbers(nr).bytesCopied());
    }
  }

  @Test
  void guestByteLimit_zeroLetsAHostThatSentNothingLeave() throws Exception {
    port(PortConfig.named("a").withGuestByteLimit(0));
    for (int i = 0; i < 3; i++) {
      machine.connect("a").close();
      machine.events.await("host disconnected a"); // though the guest has the port closed
    }
  }

  @Test
  void guestByteLimit_zeroKeepsAHostsLastBytesInTheSocketWhenItHasLeft() throws Exception {
    int nr = port(PortConfig.named("a").withGuestByteLimit(0));
    try (Host host = machine.connect("a")) {
      host.write("last");
    }
    machine.idle();
    assertTrue(machine.status(nr).hostConnected());

    guest.open(nr);

    assertEquals("last", new String(guest.read(nr, 4)));
    machine.events.await("host disconnected a");
  }

  @Test
  void c25_guestWithoutBuffers_holdsTheHostBackWithoutMemory() throws Exception {
    int nr = port(PortConfig.named("a"));
    guest.open(nr);
    byte[] bytes = Guest.bytes(2 << 20, 4);
    try (Host host = machine.connect("a")) {
      Thread writer = Thread.ofVirtual().start(() -> write(host, bytes));
      Await.until(machine.loop, "all used", () -> machine.numbers(nr).chainsToGuest() == 64);
      machine.idle();

      assertEquals(0, machine.numbers(nr).bytesHeldForGuest());
      assertTrue(machine.numbers(nr).guestStalls() > 0);
      assertTrue(writer.isAlive());
      assertArrayEquals(bytes, guest.read(nr, bytes.length));
      writer.join();
    }
  }

  @Test
  void limits_outOfRangeAreRefused() {
    PortConfig config = PortConfig.named("a");

    var failure = assertThrows(IllegalArgumentException.class, () -> config.withByteLimit(-1));

    assertEquals("byte_limit=-1 is out of range; accepted are 0 to 67108864", failure.getMessage());
  }

  private int port(PortConfig config) throws Exception {
    int nr = machine.addUnix(config, "a");
    guest.boot();
    machine.introduce(nr);
    return nr;
  }

  private void write(int nr, int buffers) {
    for (int i = 0; i < buffers; i++) {
      guest.write(nr, Guest.bytes(CHUNK, i));
    }
    machine.idle();
  }

  private static void write(Host host, byte[] bytes) {
    try {
      host.write(bytes);
    } catch (java.io.IOException e) {
      throw new AssertionError(e);
    }
  }
}
