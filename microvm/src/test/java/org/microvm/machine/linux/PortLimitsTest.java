package org.microvm.machine.linux;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.machine.linux.PortEvents.Kind;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.PortStatistics;
import org.microvm.virtioserial.channel.Channel;

/**
 * Bytes that are kept, held back, dropped and counted for a side that is not connected, with
 * Linux's driver.
 */
@ExtendWith(SmallGuest.class)
class PortLimitsTest extends GuestProcessFixture {
  private static final int STREAM = 45;
  private static final int CHUNK = 4096;
  private static final int LIMIT = 64 << 10;

  private static PortConfig config(LinuxGuest guest) {
    return PortConfig.named(guest.newName());
  }

  @Test
  void guestClosed_hostIsHeldBackAtTheLimitAndNothingIsLost(LinuxGuest guest) throws Exception {
    try (HostPort port = guest.add(config(guest).withGuestByteLimit(LIMIT));
        Channel host = port.connect()) {
      HostPort.write(host, NumberedStream.bytes(STREAM, 0, LIMIT + 1));
      port.awaitStatistics(statistics -> statistics.guestStalls() > 0);
      host.setBlocking(false);
      int written = LIMIT + 1;
      for (int more = 1; more > 0; written += more) {
        more = host.write(ByteBuffer.wrap(NumberedStream.bytes(STREAM, written, CHUNK)));
      }
      assertEquals(LIMIT, port.statistics().bytesHeldForGuest());

      GuestFile file = process.openPort(port.name(), "rw");

      assertEquals(written, GuestProcess.get(file.receive(STREAM, 0, written)).number());
      PortStatistics after = port.statistics();
      assertEquals(0, after.bytesHeldForGuest());
      assertEquals(0, after.bytesDropped());
      assertEquals(written, after.bytesToGuest());
    }
  }

  @Test
  void guestClosed_cachingOff_dataIsDroppedAndCounted(LinuxGuest guest) throws Exception {
    try (HostPort port = guest.add(config(guest).withCacheBuffers(false));
        Channel host = port.connect()) {
      HostPort.write(host, new byte[100_000]);
      port.awaitStatistics(statistics -> statistics.bytesDropped() == 100_000);
      GuestFile file = process.openPort(port.name(), "rw");
      port.await(Kind.GUEST_OPENED, 1);
      HostPort.write(host, "new");

      file.await("IN,OUT");

      assertEquals("new", file.read(100).text());
      assertEquals(3, port.statistics().bytesToGuest());
    }
  }

  @Test
  void guestClosed_hostGoesToo_dataWaitsForTheGuest(LinuxGuest guest) throws Exception {
    try (HostPort port = guest.add()) {
      try (Channel host = port.connect()) {
        HostPort.write(host, NumberedStream.bytes(STREAM, 0, 10_000));
      }
      GuestFile file = process.openPort(port.name(), "rw");

      Answer answer = GuestProcess.get(file.receive(STREAM, 0, 10_000));

      assertEquals(10_000, answer.number());
    }
  }

  /** The host disconnects after the guest's ring and the host's socket are full. */
  private Stuffed stuffFromGuest(HostPort port) throws Exception {
    GuestFile file = process.openPort(port.name(), "rwn");
    Channel host = port.connect();
    file.await("OUT");
    int bytes = 0;
    long stalls;
    do {
      // A guest may fill its ring faster than the event loop empties it: then only the ring is
      // full.
      stalls = port.statistics().hostStalls();
      Answer stuffed = file.call("stuff", STREAM, bytes, CHUNK);
      assertEquals("EAGAIN", stuffed.errno());
      bytes += (int) stuffed.done();
    } while (stalls == 0);
    host.close();
    port.await(Kind.HOST_DISCONNECTED, 1);
    file.await("IN,HUP");
    return new Stuffed(file, bytes);
  }

  private record Stuffed(GuestFile file, int bytes) {}

  @ParameterizedTest
  @ValueSource(ints = {0, 8192, PortConfig.DEFAULT_LIMIT})
  void hostLeaves_whatTheGuestHasInTheRingIsTheNextHosts(int limit, LinuxGuest guest)
      throws Exception {
    try (HostPort port = guest.add(config(guest).withByteLimit(limit))) {
      int written = stuffFromGuest(port).bytes();
      PortStatistics away = port.awaitStatistics(s -> limit == 0 || s.bytesHeldForHost() > 0);
      int gone = (int) (away.bytesFromGuest() - away.bytesHeldForHost());
      assertTrue(away.bytesHeldForHost() <= limit, away.toString());

      try (Channel host = port.connect()) {
        assertArrayEquals(
            NumberedStream.bytes(STREAM, gone, written - gone),
            HostPort.read(host, written - gone));
      }
      assertEquals(0, port.statistics().bytesDropped());
      assertEquals(written, port.statistics().bytesFromGuest());
    }
  }

  @Test
  void hostLeaves_cachingOff_theRingIsEmptiedAndCounted(LinuxGuest guest) throws Exception {
    try (HostPort port = guest.add(config(guest).withCacheBuffers(false))) {
      Stuffed stuffed = stuffFromGuest(port);

      PortStatistics away = port.awaitStatistics(s -> s.bytesDropped() > 0);

      assertEquals(stuffed.bytes(), away.bytesFromGuest() + away.bytesDropped());
      assertEquals(0, away.bytesHeldForHost());
      try (Channel host = port.connect()) {
        stuffed.file().await("OUT");
        stuffed.file().write("new").checked();
        assertEquals("new", HostPort.readText(host, 3));
      }
    }
  }
}
