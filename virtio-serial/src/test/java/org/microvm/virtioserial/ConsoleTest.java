package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.microvm.virtioserial.backend.ConsoleSize;

/** Consoles never hold the guest back (C16): the guest spins until its output is used. */
@DisplayName("5.3.6 Console Device: consoles")
class ConsoleTest extends SerialMachineFixture {
  private static final int LIMIT = 10_000;

  @BeforeEach
  void start() throws Exception {
    machine.addUnix(PortConfig.forConsole().withName("con").withByteLimit(LIMIT), "con");
    guest.boot();
    machine.introduce(0);
    guest.open(0);
  }

  @Test
  void c16_output_isUsedAtOnceWithoutHost() {
    for (int i = 0; i < 1000; i++) {
      guest.write(0, Guest.bytes(100, i));
      // During the notification itself: nothing here waits for the event loop.
      assertEquals(i + 1, guest.queue(1).usedIndex());
      guest.queue(1).collect();
    }
  }

  @Test
  void c16_output_isUsedThoughTheHostTakesNothing() throws Exception {
    try (var _ = machine.connect("con")) {
      for (int i = 0; i < 1000; i++) {
        guest.write(0, Guest.bytes(1000, i));
        guest.awaitSent(0, 1);
      }
      assertTrue(machine.numbers(0).bytesDropped() > 0);
      assertEquals(LIMIT, machine.numbers(0).bytesHeldForHost());
    }
  }

  @Test
  void overflow_keepsTheNewestBytesAndCountsTheOldest() throws Exception {
    byte[] all = Guest.bytes(15_000, 6);
    for (int i = 0; i < 15; i++) {
      guest.write(0, Arrays.copyOfRange(all, i * 1000, (i + 1) * 1000));
      guest.awaitSent(0, 1);
    }
    assertEquals(5000, machine.numbers(0).bytesDropped());

    try (Host host = machine.connect("con")) {
      assertArrayEquals(Arrays.copyOfRange(all, 5000, 15_000), host.read(LIMIT));
    }
  }

  @Test
  void overflow_byOneBufferLargerThanTheLimitKeepsItsEnd() throws Exception {
    byte[] all = Guest.bytes(25_000, 6);
    guest.write(0, "before".getBytes());
    guest.write(0, all);
    guest.awaitSent(0, 2);

    try (Host host = machine.connect("con")) {
      assertArrayEquals(Arrays.copyOfRange(all, 15_000, 25_000), host.read(LIMIT));
    }
  }

  @Test
  void overflow_ofASlowHost_continuesWithTheNewestBytes() throws Exception {
    try (Host host = machine.connect("con")) {
      byte[] blob = Guest.bytes(1 << 20, 1);
      guest.write(0, blob);
      guest.awaitSent(0, 1);
      int inSocket = (int) machine.numbers(0).bytesFromGuest() - LIMIT;
      inSocket -= (int) machine.numbers(0).bytesDropped();

      assertArrayEquals(Arrays.copyOf(blob, inSocket), host.read(inSocket));
      assertArrayEquals(
          Arrays.copyOfRange(blob, blob.length - LIMIT, blob.length), host.read(LIMIT));
    }
  }

  @Test
  void cacheOff_outputWithoutHost_isDropped() throws Exception {
    machine.addUnix(PortConfig.forConsole().withName("con2").withCacheBuffers(false), "con2");
    machine.introduce(1);
    guest.write(1, "lost".getBytes());
    guest.awaitSent(1, 1);

    assertEquals(4, machine.numbers(1).bytesDropped());
    assertEquals(0, machine.numbers(1).bytesHeldForHost());
  }

  @Test
  void input_passes() throws Exception {
    try (Host host = machine.connect("con")) {
      host.write("root\n");

      assertEquals("root\n", new String(guest.read(0, 5)));
    }
  }

  @Test
  void hostConnectingAndDisconnecting_isNotReportedToTheGuest() throws Exception {
    machine.connect("con").close();
    machine.events.await("host disconnected con");

    assertEquals(0, guest.waiting().size());
  }

  @Test
  void resize_ofAGenericPortIsRefused() throws Exception {
    int nr = machine.addUnix("generic");

    var failure =
        assertThrows(PortException.class, () -> machine.device.resize(nr, new ConsoleSize(80, 25)));

    assertEquals("port 1 is not a console, so it has no size", failure.getMessage());
  }
}
