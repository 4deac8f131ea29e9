package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.devices.testing.Buffer;
import org.microvm.virtioserial.backend.NullBackend;

/** bps= and ops=, with a clock that the test advances. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class RateLimitTest {
  private static final int RATE = 100_000;
  private static final int BURST = RATE / 10;

  @TempDir Path directory;
  private SerialMachine machine;
  private Guest guest;

  @BeforeEach
  void start() throws Exception {
    machine = SerialMachine.withManualClock(directory);
    guest = machine.guest.boot();
  }

  @AfterEach
  void stop() {
    machine.close();
  }

  @Test
  void bps_toHost_passesTheBurstAndThenTheRate() throws Exception {
    int nr = port(new RateLimit(RATE, 0));
    byte[] bytes = Guest.bytes(50_000, 1);
    try (Host host = machine.connect("a")) {
      guest.write(nr, bytes);
      machine.idle();
      assertEquals(BURST, machine.numbers(nr).bytesFromGuest());

      advance(100);

      assertEquals(2 * BURST, machine.numbers(nr).bytesFromGuest());
      advance(1000); // one burst, however long the port was idle
      assertEquals(3 * BURST, machine.numbers(nr).bytesFromGuest());
      advance(100);
      advance(100);
      assertArrayEquals(bytes, host.read(bytes.length));
      guest.awaitSent(nr, 1);
      assertEquals(0, machine.numbers(nr).bytesCopied());
    }
  }

  @Test
  void bps_toHost_overManySecondsIsTheRateToTheByte() throws Exception {
    int nr = limited(NullBackend.open(), new RateLimit(RATE, 0));
    long blob = guest.ram().allocate(1 << 20, 1);
    guest.write(nr, Buffer.readable(blob, 1 << 20));
    guest.write(nr, Buffer.readable(blob, 1 << 20));
    machine.idle();

    for (int i = 0; i < 200; i++) {
      advance(50);
    }

    assertEquals(BURST + 10L * RATE, machine.numbers(nr).bytesFromGuest());
  }

  @Test
  void bps_toGuest_passesTheBurstAndThenTheRate() throws Exception {
    int nr = port(new RateLimit(RATE, 0));
    guest.open(nr);
    byte[] bytes = Guest.bytes(25_000, 1);
    try (Host host = machine.connect("a")) {
      host.write(bytes);
      Await.until(machine.loop, "burst", () -> machine.numbers(nr).bytesToGuest() == BURST);
      machine.idle();
      assertEquals(BURST, machine.numbers(nr).bytesToGuest());

      advance(100);
      assertEquals(2 * BURST, machine.numbers(nr).bytesToGuest());
      advance(100);

      assertArrayEquals(bytes, guest.read(nr, bytes.length));
      assertEquals(0, machine.numbers(nr).bytesCopied());
    }
  }

  @Test
  void bps_toGuest_holdsForBytesThatWereKept() throws Exception {
    int nr = port(new RateLimit(RATE, 0));
    byte[] bytes = Guest.bytes(15_000, 1);
    try (Host host = machine.connect("a")) {
      host.write(bytes);
      Await.until(machine.loop, "kept", () -> machine.numbers(nr).bytesHeldForGuest() == 15_000);

      guest.open(nr);
      machine.idle();
      assertEquals(BURST, machine.numbers(nr).bytesToGuest());
      advance(100);

      assertArrayEquals(bytes, guest.read(nr, bytes.length));
    }
  }

  @Test
  void bps_bothWays_areIndependent() throws Exception {
    int nr = port(new RateLimit(RATE, 0));
    guest.open(nr);
    try (Host host = machine.connect("a")) {
      guest.write(nr, Guest.bytes(BURST, 1));
      host.write(Guest.bytes(BURST, 2));

      assertEquals(BURST, host.read(BURST).length);
      assertEquals(BURST, guest.read(nr, BURST).length);
    }
  }

  @Test
  void ops_toHost_countsBuffers() throws Exception {
    int nr = port(new RateLimit(0, 100));
    try (Host host = machine.connect("a")) {
      for (int i = 0; i < 25; i++) {
        guest.write(nr, "xy".getBytes());
      }
      machine.idle();
      assertEquals(10, machine.numbers(nr).chainsFromGuest());

      advance(100);
      assertEquals(20, machine.numbers(nr).chainsFromGuest());
      advance(50);

      assertEquals(25, machine.numbers(nr).chainsFromGuest());
      assertEquals(50, host.read(50).length);
    }
  }

  @Test
  void ops_toHost_countsEmptyBuffersToo() throws Exception {
    int nr = port(new RateLimit(0, 100));
    try (var _ = machine.connect("a")) {
      for (int i = 0; i < 25; i++) {
        guest.write(nr, Buffer.readable(guest.ram().allocate(1, 1), 0));
      }
      machine.idle();

      assertEquals(10, machine.numbers(nr).chainsFromGuest());
      advance(100);
      assertEquals(20, machine.numbers(nr).chainsFromGuest());
    }
  }

  @Test
  void ops_toGuest_countsBuffers() throws Exception {
    int nr = port(new RateLimit(0, 100));
    guest.open(nr);
    byte[] bytes = Guest.bytes(25 * Guest.PAGE, 3);
    try (Host host = machine.connect("a")) {
      host.write(bytes);
      Await.until(machine.loop, "burst", () -> machine.numbers(nr).chainsToGuest() == 10);
      machine.idle();
      assertEquals(10, machine.numbers(nr).chainsToGuest());

      advance(100);
      advance(100);

      assertArrayEquals(bytes, guest.read(nr, bytes.length));
    }
  }

  @Test
  void ops_droppedBuffersCountAndTheirBytesDoNot() throws Exception {
    RateLimit limit = new RateLimit(RATE, 100);
    int nr = port(PortConfig.named("a").withRate(limit).withCacheBuffers(false));
    for (int i = 0; i < 25; i++) {
      guest.write(nr, Guest.bytes(100_000, i));
    }
    machine.idle();

    assertEquals(10 * 100_000, machine.numbers(nr).bytesDropped());
    advance(100);
    assertEquals(20 * 100_000, machine.numbers(nr).bytesDropped());
  }

  @Test
  void limitPause_isOneTimerForAnyNumberOfKicks() throws Exception {
    int nr = port(new RateLimit(RATE, 0));
    try (var _ = machine.connect("a")) {
      guest.write(nr, Guest.bytes(50_000, 1));
      machine.idle();
      for (int i = 0; i < 100; i++) {
        guest.driver().notifyQueue(Guest.out(nr));
      }
      machine.idle();

      assertEquals(1, machine.clock.pending());
      assertEquals(1, machine.numbers(nr).fromGuest().throttles());
      assertEquals(0, machine.numbers(nr).toGuest().throttles());
      assertEquals(BURST, machine.numbers(nr).bytesFromGuest());
    }
  }

  @Test
  void limitPause_lastsUntilHalfTheBurstIsBack() throws Exception {
    int nr = port(new RateLimit(RATE, 0));
    try (var _ = machine.connect("a")) {
      guest.write(nr, Guest.bytes(50_000, 1));
      machine.idle();

      advance(49);
      guest.driver().notifyQueue(Guest.out(nr));
      assertEquals(BURST, machine.numbers(nr).bytesFromGuest());
      advance(1);

      assertEquals(BURST + BURST / 2, machine.numbers(nr).bytesFromGuest());
      assertEquals(2, machine.numbers(nr).fromGuest().throttles());
    }
  }

  @Test
  void limitPause_requestsNoReadinessEvents() throws Exception {
    int nr = port(new RateLimit(RATE, 0));
    guest.open(nr);
    try (Host host = machine.connect("a")) {
      host.write(Guest.bytes(50_000, 1)); // input stays readable all the time
      Await.until(machine.loop, "rest", () -> machine.numbers(nr).toGuest().throttles() == 1);
      machine.idle();
      long readings = machine.clock.readings();

      machine.idle();

      // Each turn reads the clock; if the loop still reported input, it would run many turns.
      assertEquals(readings, machine.clock.readings());
    }
  }

  @Test
  void limitPause_ofABlockedHost_requestsNoReadinessEvents() throws Exception {
    int nr = port(new RateLimit(RATE, 0));
    try (Host host = machine.connect("a")) {
      fillSocket(nr);
      guest.write(nr, Guest.bytes(50_000, 1));
      host.read(1 << 17); // makes room, which the rate limit does not allow the port to use yet
      machine.idle();
      long readings = machine.clock.readings();

      machine.idle();

      assertEquals(readings, machine.clock.readings());
    }
  }

  /** Sends until the host accepts no more while the rate limit makes the port wait. */
  private void fillSocket(int nr) {
    long blob = guest.ram().allocate(1 << 20, 1);
    guest.write(nr, Buffer.readable(blob, 1 << 20));
    while (machine.numbers(nr).hostStalls() == 0) {
      advance(100);
    }
  }

  @Test
  void otherPorts_continueWhileOneIsLimited() throws Exception {
    int nr = port(new RateLimit(RATE, 0));
    int other = machine.addUnix("b");
    machine.introduce(other);
    try (var _ = machine.connect("a");
        Host host = machine.connect("b")) {
      guest.write(nr, Guest.bytes(50_000, 1));
      machine.idle();

      guest.write(other, Guest.bytes(100_000, 1));

      assertEquals(100_000, host.read(100_000).length);
    }
  }

  @Test
  void hostThatLeavesDuringALimitPause_isDetectedAndItsBytesArrive() throws Exception {
    int nr = port(new RateLimit(RATE, 0));
    guest.open(nr);
    byte[] bytes = Guest.bytes(15_000, 1);
    try (Host host = machine.connect("a")) {
      host.write(bytes);
    }
    machine.idle();
    advance(100);

    assertArrayEquals(bytes, guest.read(nr, bytes.length));
    machine.events.await("host disconnected a");
  }

  @Test
  void portRemovedDuringALimitPause_leavesAHarmlessTimer() throws Exception {
    int nr = port(new RateLimit(RATE, 0));
    try (var _ = machine.connect("a")) {
      guest.write(nr, Guest.bytes(50_000, 1));
      machine.idle();
      machine.device.removePort(nr);
    }
    advance(1000);

    guest.awaitSent(nr, 1);
  }

  @Test
  void guestResetDuringALimitPause_startsAfresh() throws Exception {
    int nr = port(new RateLimit(RATE, 0));
    try (Host host = machine.connect("a")) {
      guest.write(nr, Guest.bytes(50_000, 1));
      machine.idle();
      assertEquals(BURST, host.read(BURST).length);
      guest.boot();
      machine.introduce(nr);
      guest.write(nr, "new".getBytes());
      machine.idle();

      advance(100);

      assertEquals("new", host.readText(3));
    }
  }

  @Test
  void burst_isATenthOfASecondAndNotTooSmall() {
    assertEquals(100, new RateLimit(0, 1000).burstBuffers());
    assertEquals(1, new RateLimit(0, 3).burstBuffers());
    assertEquals(1 << 20, new RateLimit(10 << 20, 0).burstBytes());
    assertEquals(RateLimit.MIN_BURST_BYTES, new RateLimit(5, 0).burstBytes());
  }

  @Test
  void consoles_haveNoRateLimit() {
    var failure =
        assertThrows(
            IllegalArgumentException.class,
            () -> PortConfig.forConsole().withRate(new RateLimit(1000, 0)));

    assertEquals(
        "bps= and ops= are not accepted for a console: its driver spins until output is used",
        failure.getMessage());
  }

  private void advance(long millis) {
    machine.clock.advanceMillis(millis);
    machine.idle();
  }

  private int port(RateLimit limit) throws Exception {
    return port(PortConfig.named("a").withRate(limit));
  }

  private int port(PortConfig config) throws Exception {
    int nr = machine.addUnix(config, "a");
    machine.introduce(nr);
    return nr;
  }

  private int limited(NullBackend backend, RateLimit limit) throws Exception {
    int nr = machine.device.addPort(PortConfig.named("n").withRate(limit), backend).nr();
    machine.introduce(nr);
    return nr;
  }
}
