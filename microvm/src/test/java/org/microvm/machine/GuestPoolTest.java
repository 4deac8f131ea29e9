package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.testing.NoThreads;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.backend.UnixServerBackend;

/** A pool of guests that are restored from a snapshot and echo what they receive. */
@RequiresKvm
@Timeout(60)
class GuestPoolTest {
  @TempDir private Path directory;

  private final AtomicInteger numbers = new AtomicInteger();
  private Snapshot snapshot;
  private long vmsBefore;

  /** A guest with the host program that is connected to it. */
  private record EchoGuest(Machine machine, SocketChannel host) implements GuestPool.Guest {
    void assertAnswers() throws IOException {
      SerialEcho.assertEchoes(host, "hello");
    }

    @Override
    public void close() {
      machine.close();
    }
  }

  @BeforeEach
  void save() throws Exception {
    Path saved = directory.resolve("snapshot");
    try (Machine machine = Machine.create(config("first"))) {
      machine.start();
      connect(machine, "first").assertAnswers();
      machine.snapshot(saved);
    }
    snapshot = Snapshot.open(saved);
    vmsBefore = countVms();
  }

  private MachineConfig config(String socket) {
    return SerialEcho.config(
            "wait=halt", loop -> UnixServerBackend.listen(directory.resolve(socket), false))
        .build();
  }

  private EchoGuest connect(Machine machine, String socket) throws IOException {
    return new EchoGuest(
        machine, SocketChannel.open(UnixDomainSocketAddress.of(directory.resolve(socket))));
  }

  private EchoGuest restore() throws MachineException, IOException {
    String socket = "guest-" + numbers.getAndIncrement();
    Machine machine = Machine.restore(snapshot, config(socket));
    try {
      machine.start();
      EchoGuest guest = connect(machine, socket);
      guest.assertAnswers();
      return guest;
    } catch (IOException e) {
      // Also if the pool is closed meanwhile, which interrupts this thread.
      machine.close();
      throw e;
    }
  }

  /** How many VMs there are more than when the test began. */
  private long vms() throws IOException {
    return countVms() - vmsBefore;
  }

  private static long countVms() throws IOException {
    return OpenDescriptors.count(target -> target.equals("anon_inode:kvm-vm"));
  }

  @Test
  void take_givesEveryTakerItsOwnGuestThatAnswers() throws Exception {
    try (GuestPool<EchoGuest> pool = new GuestPool<>(this::restore, PoolLimits.ofGuests(2, 5))) {
      EchoGuest first = pool.take();
      EchoGuest second = pool.take();
      EchoGuest third = pool.take();
      assertNotSame(first, second);
      assertFalse(first.machine().isPaused());
      first.assertAnswers();
      second.assertAnswers();
      third.assertAnswers();
      pool.discard(first);
      pool.discard(second);
      third.close();
    }
    assertEquals(0, vms());
  }

  @Test
  void discardWithoutAThread_closesTheGuest() throws Exception {
    try (GuestPool<EchoGuest> pool = new GuestPool<>(this::restore, PoolLimits.ofGuests(1, 2))) {
      EchoGuest guest = pool.take();

      try (NoThreads _ = NoThreads.here()) {
        pool.discard(guest);
      }

      assertTrue(guest.machine().end().isDone());
      assertThrows(IllegalStateException.class, () -> guest.machine().start());
    }
    assertEquals(0, vms());
  }

  @Test
  void take_guestsThatWait_arePaused() throws Exception {
    CountDownLatch started = new CountDownLatch(1);
    EchoGuest[] guest = new EchoGuest[1];
    GuestPool.Starter<EchoGuest> starter =
        () -> {
          guest[0] = restore();
          guest[0]
              .machine()
              .addListener(
                  new MachineListener() {
                    @Override
                    public void paused() {
                      started.countDown();
                    }
                  });
          return guest[0];
        };
    try (GuestPool<EchoGuest> pool = new GuestPool<>(starter, PoolLimits.ofGuests(1, 1))) {
      assertTrue(started.await(30, TimeUnit.SECONDS));
      assertTrue(guest[0].machine().isPaused());
      pool.take().close();
    }
  }

  @Test
  void take_whileEnoughGuestsAreReady_leavesTheProcessorsToTheGuestThatIsTaken() throws Exception {
    BlockingQueue<Long> starts = new LinkedBlockingQueue<>();
    GuestPool.Starter<EchoGuest> starter =
        () -> {
          starts.add(System.nanoTime());
          return restore();
        };
    try (GuestPool<EchoGuest> pool = new GuestPool<>(starter, PoolLimits.ofGuests(2, 4))) {
      EchoGuest first = pool.take();
      starts.take();
      starts.take();
      starts.take();
      first.close();
      awaitReady(pool, 2);
      long taken = System.nanoTime();
      EchoGuest second = pool.take();
      long passed = starts.take() - taken;
      assertTrue(passed >= TimeUnit.MILLISECONDS.toNanos(50), passed + " ns");
      second.close();
    }
  }

  private static void awaitReady(GuestPool<?> pool, int count) {
    while (pool.ready() < count) {
      Thread.onSpinWait();
    }
  }

  @Test
  void take_beyondTheLimit_isRefusedUntilAGuestIsClosed() throws Exception {
    try (GuestPool<EchoGuest> pool =
        new GuestPool<>(this::restore, new PoolLimits(1, 9, 16 << 20, 32 << 20))) {
      EchoGuest first = pool.take();
      EchoGuest second = pool.take();
      MachineException refused = assertThrows(MachineException.class, pool::take);
      assertTrue(refused.getMessage().contains("the pool's 2 guests"), refused.getMessage());
      assertEquals(2, pool.alive());
      first.close();
      EchoGuest third = pool.take();
      third.assertAnswers();
      second.close();
      third.close();
    }
  }

  @Test
  void take_atTheLimit_waitsForAGuestThatIsBeingDiscarded() throws Exception {
    try (GuestPool<EchoGuest> pool = new GuestPool<>(this::restore, PoolLimits.ofGuests(1, 1))) {
      for (int i = 0; i < 5; i++) {
        pool.discard(pool.take());
      }
      pool.take().close();
    }
    assertEquals(0, vms());
  }

  @Test
  void take_ofGuestsThatEndAtOnce_reportsHowTheyEnded() throws Exception {
    GuestPool.Starter<EchoGuest> starter =
        () -> {
          EchoGuest guest = restore();
          guest.machine().stop();
          guest.machine().end().join();
          return guest;
        };
    try (GuestPool<EchoGuest> pool = new GuestPool<>(starter, PoolLimits.ofGuests(1, 1))) {
      MachineException failed = assertThrows(MachineException.class, pool::take);
      assertEquals(
          "the pool cannot start a guest: the guest has ended: Stopped[]", failed.getMessage());
    }
  }

  @Test
  void take_afterAFailedStart_reportsItOnceAndTriesAgain() throws Exception {
    AtomicBoolean fails = new AtomicBoolean(true);
    GuestPool.Starter<EchoGuest> starter =
        () -> {
          if (fails.getAndSet(false)) {
            throw new IOException("no agent has answered");
          }
          return restore();
        };
    try (GuestPool<EchoGuest> pool = new GuestPool<>(starter, PoolLimits.ofGuests(1, 1))) {
      MachineException failed = assertThrows(MachineException.class, pool::take);
      assertEquals("the pool cannot start a guest: no agent has answered", failed.getMessage());
      EchoGuest guest = pool.take();
      guest.assertAnswers();
      guest.close();
    }
  }

  @Test
  void close_keepsTheTakenGuests() throws Exception {
    GuestPool<EchoGuest> pool = new GuestPool<>(this::restore, PoolLimits.ofGuests(1, 3));
    EchoGuest guest = pool.take();
    pool.close();
    pool.close();
    assertThrows(IllegalStateException.class, pool::take);
    assertEquals(1, vms());
    guest.assertAnswers();
    guest.close();
    assertEquals(0, vms());
  }
}
