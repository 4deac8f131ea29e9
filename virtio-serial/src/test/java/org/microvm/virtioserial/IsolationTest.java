package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.ToLongFunction;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.microvm.devices.testing.Buffer;
import org.microvm.devices.testing.TestRam;
import org.microvm.devices.testing.VirtqueueDriver;
import org.microvm.devices.virtio.Virtqueue;
import org.microvm.virtioserial.backend.FileBackend;
import org.microvm.virtioserial.backend.NullBackend;

/** C24: a blocked or greedy port does not affect the others. */
class IsolationTest extends SerialMachineFixture {
  private int blocked;
  private int other;

  @BeforeEach
  void start() throws Exception {
    blocked = machine.addUnix("blocked");
    other = machine.addUnix("other");
    guest.boot();
    machine.introduce(blocked);
    machine.introduce(other);
    guest.open(blocked);
    guest.open(other);
  }

  @Test
  void c24_sinkBlockedForever_otherPortContinues() throws Exception {
    try (var _ = machine.connect("blocked");
        Host host = machine.connect("other")) {
      block();

      for (int i = 0; i < 200; i++) {
        guest.write(other, Guest.filled(10_000, 'x'));
        assertEquals(10_000, host.read(10_000).length);
        guest.awaitSent(other, 1);
        host.write(Guest.filled(5_000, 'y'));
        assertEquals(5_000, guest.read(other, 5_000).length);
      }
      assertEquals(0, machine.numbers(other).bytesCopied());
    }
  }

  @Test
  void c24_guestEndThatNeverReads_otherPortContinues() throws Exception {
    try (Host stuck = machine.connect("blocked");
        Host host = machine.connect("other")) {
      Thread.ofVirtual().start(() -> writeUnchecked(stuck, Guest.bytes(2 << 20, 1)));
      Await.until(machine.loop, "stall", () -> machine.numbers(blocked).guestStalls() > 0);

      for (int i = 0; i < 200; i++) {
        host.write(Guest.filled(5_000, 'y'));
        assertEquals(5_000, guest.read(other, 5_000).length);
        guest.write(other, Guest.filled(10_000, 'x'));
        assertEquals(10_000, host.read(10_000).length);
        guest.awaitSent(other, 1);
      }
      assertEquals(64, machine.numbers(blocked).chainsToGuest());
      assertEquals(1, machine.numbers(blocked).guestStalls());
      assertEquals(0, machine.numbers(blocked).bytesHeldForGuest());
    }
  }

  @Test
  void longChainsOfFewBytes_takeSeveralTurns() throws Exception {
    try (Host host = machine.connect("other")) {
      CountDownLatch held = new CountDownLatch(1);
      machine.loop.execute(() -> awaitQuietly(held));
      addLongChains(guest.queue(Guest.out(other)));

      guest.driver().notifyQueue(Guest.out(other));

      long atOnce = machine.numbers(other).chainsFromGuest();
      assertTrue(atOnce < 32, atOnce + " buffers in the first turn");
      held.countDown();
      assertEquals(64, host.read(64).length);
    }
  }

  /** Fills a ring with buffers of one byte in 1024 descriptors. */
  private void addLongChains(VirtqueueDriver queue) {
    int length = Virtqueue.MAX_CHAIN_LENGTH;
    TestRam ram = guest.driver().ram();
    long table = ram.allocate(16L * length, 16);
    long data = ram.store((byte) 'x');
    for (int i = 0; i < length; i++) {
      int flags = i < length - 1 ? VirtqueueDriver.NEXT : 0;
      queue.tableEntry(table, i, Buffer.readable(data, i == 0 ? 1 : 0), flags, i + 1);
    }
    for (int i = 0; i < queue.size(); i++) {
      queue.descriptor(i, table, 16L * length, VirtqueueDriver.INDIRECT, 0);
      queue.availableEntry(i, i);
    }
    queue.availableIndex(queue.size());
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  static void writeUnchecked(Host host, byte[] bytes) {
    try {
      host.write(bytes);
    } catch (java.io.IOException e) {
      // Closed while it is blocked, at the end of the test.
    }
  }

  @Test
  void c24_blockedPort_waitsWithoutUsingTheProcessor() throws Exception {
    try (var _ = machine.connect("blocked")) {
      block();
      long stalls = machine.numbers(blocked).hostStalls();

      machine.idle();

      assertEquals(stalls, machine.numbers(blocked).hostStalls());
    }
  }

  @Test
  void c25_guestWithoutBuffers_isWaitedForWithoutUsingTheProcessor() throws Exception {
    byte[] bytes = Guest.bytes(65 * Guest.PAGE, 1);
    try (Host host = machine.connect("other")) {
      host.write(java.util.Arrays.copyOf(bytes, 64 * Guest.PAGE));
      Await.until(machine.loop, "all used", () -> machine.numbers(other).chainsToGuest() == 64);
      host.write(java.util.Arrays.copyOfRange(bytes, 64 * Guest.PAGE, bytes.length));
      Await.until(machine.loop, "stalled", () -> machine.numbers(other).guestStalls() > 0);
      machine.idle();
      long stalls = machine.numbers(other).guestStalls();

      machine.idle();

      assertEquals(stalls, machine.numbers(other).guestStalls());
      assertArrayEquals(bytes, guest.read(other, bytes.length));
    }
  }

  @Test
  void c24_blockedPort_canBeReset() throws Exception {
    try (var _ = machine.connect("blocked")) {
      block();

      guest.boot();
      machine.introduce(other);
      guest.open(other);

      try (Host host = machine.connect("other")) {
        guest.write(other, "on".getBytes());
        assertEquals("on", host.readText(2));
      }
    }
  }

  @Test
  void c24_blockedPort_canBeRemoved() throws Exception {
    try (var _ = machine.connect("blocked")) {
      block();

      machine.device.removePort(blocked);

      guest.awaitSent(blocked, 64);
    }
  }

  @Test
  void c24_controlMessages_areServedWhileAPortIsBlocked() throws Exception {
    try (var _ = machine.connect("blocked")) {
      block();
      machine.idle();
      guest.waiting();

      int added = machine.addUnix("new");

      assertEquals(List.of(Control.add(added)), guest.next(1));
    }
  }

  @Test
  void fairness_aTurnEndsThoughAPortHasMoreToSend() throws Exception {
    // A sink that accepts everything at once: only the budget can end the turn.
    int greedy = machine.device.addPort(PortConfig.named("greedy"), NullBackend.open()).nr();
    machine.introduce(greedy);
    machine.idle();
    long big = guest.ram().allocate(1 << 20, 1);
    for (int i = 0; i < 20; i++) {
      guest.queue(Guest.out(greedy)).stage(Buffer.readable(big, 1 << 20));
    }
    guest.queue(Guest.out(greedy)).publish();

    machine.transport.lock().lock();
    guest.driver().notifyQueue(Guest.out(greedy));
    long moved = machine.numbers(greedy).bytesFromGuest();
    machine.transport.lock().unlock();

    assertEquals(PortQuota.TURN_BYTES, moved);
    guest.awaitSent(greedy, 20);
  }

  @Test
  void fairness_kicksGiveNoTurnOutOfTurn() throws Exception {
    int greedy = machine.device.addPort(PortConfig.named("greedy"), NullBackend.open()).nr();
    machine.introduce(greedy);
    machine.idle();
    long big = guest.ram().allocate(1 << 20, 1);
    guest.queue(Guest.out(greedy)).stage(Buffer.readable(big, 1 << 20));
    guest.queue(Guest.out(greedy)).publish();

    machine.transport.lock().lock();
    for (int i = 0; i < 100; i++) {
      guest.driver().notifyQueue(Guest.out(greedy));
    }
    long moved = machine.numbers(greedy).bytesFromGuest();
    machine.transport.lock().unlock();

    assertEquals(PortQuota.TURN_BYTES, moved);
  }

  @Test
  void fairness_consoleThatFloodsWithoutHost_copiesATurnsWorthATurn() throws Exception {
    machine.addUnix(PortConfig.forConsole().withName("con"), "con");
    machine.introduce(0);
    guest.open(0);
    machine.idle();
    long big = guest.ram().allocate(1 << 20, 1);
    for (int i = 0; i < 64; i++) {
      guest.queue(Guest.out(0)).stage(Buffer.readable(big, 1 << 20));
    }
    guest.queue(Guest.out(0)).publish();

    machine.transport.lock().lock();
    guest.driver().notifyQueue(Guest.out(0));
    long copied = machine.numbers(0).bytesCopied();
    machine.transport.lock().unlock();

    assertEquals(PortQuota.TURN_BYTES, copied);
    guest.awaitSent(0, 64);
    assertEquals(64L << 20, machine.numbers(0).bytesFromGuest());
    assertEquals(63L << 20, machine.numbers(0).bytesDropped());
  }

  @Test
  void fairness_busyPortsGetEqualShares() throws Exception {
    int ports = 4;
    List<Integer> busy = new ArrayList<>();
    long big = guest.ram().allocate(1 << 20, 1);
    machine.transport.lock().lock(); // the loop waits until all ports have work
    for (int i = 0; i < ports; i++) {
      PortConfig config = PortConfig.named("busy" + i);
      busy.add(machine.device.addPort(config, NullBackend.open()).nr());
    }
    machine.transport.lock().unlock();
    busy.forEach(machine::introduce);
    machine.idle();
    machine.transport.lock().lock();
    for (int nr : busy) {
      for (int i = 0; i < 60; i++) {
        guest.queue(Guest.out(nr)).stage(Buffer.readable(big, 1 << 20));
      }
      guest.queue(Guest.out(nr)).publish();
      guest.driver().notifyQueue(Guest.out(nr));
    }
    machine.transport.lock().unlock();

    List<Long> shares = whenOneHas(busy, 40L << 20, PortStatistics::bytesFromGuest);

    assertEqualShares(shares);
  }

  private static void assertEqualShares(List<Long> shares) {
    long most = shares.stream().mapToLong(Long::longValue).max().orElseThrow();
    long least = shares.stream().mapToLong(Long::longValue).min().orElseThrow();
    assertTrue(most - least <= most / 10, "bytes moved: " + shares);
  }

  @Test
  void fairness_busyHostsGetEqualShares() throws Exception {
    List<Integer> busy = new ArrayList<>();
    Path zeros = Path.of("/dev/zero"); // an endless input
    for (int i = 0; i < 4; i++) {
      var backend = FileBackend.open(directory.resolve("out" + i), false, Optional.of(zeros));
      busy.add(
          machine.device.addPort(PortConfig.named("busy" + i).withGuestByteLimit(0), backend).nr());
    }
    long big = guest.ram().allocate(1 << 18, 1);
    machine.idle();
    guest.waiting();
    machine.transport.lock().lock();
    for (int nr : busy) {
      for (int i = 0; i < 64; i++) {
        guest.queue(Guest.in(nr)).stage(Buffer.writable(big, 1 << 18));
      }
      guest.queue(Guest.in(nr)).publish();
      guest.sendControl(nr, Control.PORT_READY, 1);
      guest.open(nr);
    }
    machine.transport.lock().unlock();

    List<Long> shares = whenOneHas(busy, 10L << 20, PortStatistics::bytesToGuest);

    assertEqualShares(shares);
  }

  /**
   * Returns what each port has moved, read at one moment on the loop after one of them has moved
   * {@code bytes}.
   */
  private List<Long> whenOneHas(
      List<Integer> ports, long bytes, ToLongFunction<PortStatistics> moved) throws Exception {
    CompletableFuture<List<Long>> shares = new CompletableFuture<>();
    Runnable look =
        new Runnable() {
          @Override
          public void run() {
            List<Long> now =
                ports.stream().map(nr -> moved.applyAsLong(machine.numbers(nr))).toList();
            if (now.stream().anyMatch(share -> share >= bytes)) {
              shares.complete(now);
            } else {
              machine.loop.execute(this);
            }
          }
        };
    machine.loop.execute(look);
    return shares.get(Await.LIMIT.toSeconds(), TimeUnit.SECONDS);
  }

  /** Writes until the blocked port's socket and ring are full. */
  private void block() {
    for (int i = 0; i < 64; i++) {
      guest.write(blocked, Guest.bytes(32 * 1024, i));
    }
    machine.idle();
    assertTrue(guest.queue(Guest.out(blocked)).usedIndex() < 64);
  }
}
