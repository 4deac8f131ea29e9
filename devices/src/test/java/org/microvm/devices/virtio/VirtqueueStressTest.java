package org.microvm.devices.virtio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.microvm.devices.testing.Buffer.readable;
import static org.microvm.devices.testing.Buffer.writable;

import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.microvm.devices.testing.Buffer;
import org.microvm.devices.testing.TestRam;

/**
 * Runs driver and device on two threads. Each suppresses the other's notifications while it works
 * and waits for one when it is idle, so a lost wake-up stops both and fails the test. With one
 * buffer at a time both run out of work after every buffer, so each checks for work just when the
 * other adds it.
 */
class VirtqueueStressTest {
  private static final int CHAINS = 1_000_000;

  /**
   * The time after which the test ends with fewer chains: if both threads share a processor, each
   * single buffer costs two context switches.
   */
  private static final long ENOUGH_NANOS = TimeUnit.SECONDS.toNanos(2);

  private static final int SIZE = 64;

  /** In spins of about ten nanoseconds. */
  private static final int MAX_DELAY = 16;

  /** Chains in a full ring, with two descriptors each. */
  private static final int FULL = SIZE / 2;

  private final WakeUp notification = new WakeUp("the device was not notified");
  private volatile int limit = CHAINS;
  private final WakeUp interrupt = new WakeUp("the driver was not interrupted");

  @Test
  void chains_suppressedByFlagsOneAtATime_noWakeUpIsLost() {
    assertEverythingArrives(QueueFixture.PLAIN, 1);
  }

  @Test
  void chains_suppressedByFlagsRingFull_noWakeUpIsLost() {
    assertEverythingArrives(QueueFixture.PLAIN, FULL);
  }

  @Test
  void chains_suppressedByEventIdxOneAtATime_noWakeUpIsLost() {
    assertEverythingArrives(QueueFixture.EVENT_IDX, 1);
  }

  @Test
  void chains_suppressedByEventIdxRingFull_noWakeUpIsLost() {
    assertEverythingArrives(QueueFixture.EVENT_IDX, FULL);
  }

  private void assertEverythingArrives(long features, int window) {
    QueueFixture it = new QueueFixture(features, TestRam.of(1 << 20), SIZE);
    assertTimeoutPreemptively(
        Duration.ofSeconds(60),
        () -> {
          try (ExecutorService threads = Executors.newFixedThreadPool(2)) {
            Future<Long> driver = threads.submit((Callable<Long>) () -> drive(it, window));
            Future<Long> device = threads.submit((Callable<Long>) () -> serve(it));
            assertEquals(driver.get(), device.get());
            assertEquals(limit, driver.get());
          }
        });
  }

  /** The device: echoes the readable number into the writable part of each chain. */
  private long serve(QueueFixture it) throws Exception {
    byte[] number = new byte[4];
    long served = 0;
    while (served < limit) {
      it.queue.suppressNotifications();
      for (DescriptorChain c = it.queue.pop(); c != null; c = it.queue.pop()) {
        c.copyReadable(0, number, 0, 4);
        it.queue.addUsed(c, c.copyWritable(0, number, 0, 4));
        served++;
      }
      if (it.queue.publish()) {
        interrupt.signal();
      }
      if (served < limit && !it.queue.enableNotifications()) {
        notification.await();
      }
    }
    return served;
  }

  /** The driver: numbers each buffer and finds the number echoed. */
  private long drive(QueueFixture it, int window) throws Exception {
    Buffer[][] buffers = buffers(it.ram);
    long[] addresses = addresses(buffers);
    int[] sentOf = new int[SIZE];
    int sent = 0;
    int received = 0;
    long start = System.nanoTime();
    while (received < limit) {
      if (received % 1024 == 0 && System.nanoTime() - start > ENOUGH_NANOS) {
        limit = Math.min(limit, sent);
        notification.signal();
      }
      it.driver.suppressInterrupts();
      for (int head = it.driver.next(); head >= 0; head = it.driver.next()) {
        int slot = sentOf[head] % FULL;
        assertEquals(sentOf[head], it.ram.memory().getInt(addresses[slot] + 4));
        received++;
      }
      // Buffers return in order, so slot n is free again when n + FULL is sent.
      while (sent < limit && sent - received < window) {
        int slot = sent % FULL;
        it.ram.memory().putInt(addresses[slot], sent);
        sentOf[it.driver.stage(buffers[slot])] = sent++;
      }
      // Mostly at once, otherwise a little later each time, so that the buffer arrives at every
      // point of the device's loop.
      for (int delay = sent % (4 * MAX_DELAY) - 3 * MAX_DELAY; delay > 0; delay--) {
        Thread.onSpinWait();
      }
      if (it.driver.publish()) {
        notification.signal();
      }
      if (received < limit && !it.driver.enableInterrupts()) {
        interrupt.await();
      }
    }
    return received;
  }

  private static Buffer[][] buffers(TestRam ram) {
    Buffer[][] buffers = new Buffer[FULL][];
    for (int i = 0; i < buffers.length; i++) {
      long address = ram.allocate(8, 8);
      buffers[i] = new Buffer[] {readable(address, 4), writable(address + 4, 4)};
    }
    return buffers;
  }

  private static long[] addresses(Buffer[][] buffers) {
    long[] addresses = new long[buffers.length];
    for (int i = 0; i < addresses.length; i++) {
      addresses[i] = buffers[i][0].address();
    }
    return addresses;
  }

  /**
   * Behaves like an eventfd: several signals are one wake-up. It spins first, or the race would be
   * rare.
   */
  private static final class WakeUp {
    private static final int SPINS = 2_000;
    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final AtomicBoolean signalled = new AtomicBoolean();
    private final String message;

    WakeUp(String message) {
      this.message = message;
    }

    void signal() {
      signalled.set(true);
    }

    void await() {
      long deadline = System.nanoTime() + PATIENCE_NANOS;
      for (int spins = 0; !signalled.compareAndSet(true, false); spins++) {
        if (spins < SPINS) {
          Thread.onSpinWait();
        } else if (System.nanoTime() - deadline < 0) {
          LockSupport.parkNanos(1_000);
        } else {
          throw new AssertionError(message);
        }
      }
    }
  }
}
