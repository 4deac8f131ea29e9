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
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.microvm.devices.testing.Buffer;
import org.microvm.devices.testing.TestRam;

/**
 * Driver and device on two threads, each suppressing the other's notifications while it works and
 * sleeping when it has nothing to do: a wake-up that is lost stops both, and the test with them.
 */
class VirtqueueStressTest {
  private static final int CHAINS = 1_000_000;
  private static final int SIZE = 64;
  private static final long PATIENCE_SECONDS = 5;

  private final Semaphore notification = new Semaphore(0);
  private final Semaphore interrupt = new Semaphore(0);

  @Test
  void millionChains_suppressedByFlags_noWakeUpIsLost() {
    assertEquals(CHAINS, transferred(QueueFixture.PLAIN));
  }

  @Test
  void millionChains_suppressedByEventIdx_noWakeUpIsLost() {
    assertEquals(CHAINS, transferred(QueueFixture.EVENT_IDX));
  }

  private long transferred(long features) {
    QueueFixture it = new QueueFixture(features, TestRam.of(1 << 20), SIZE);
    return assertTimeoutPreemptively(
        Duration.ofSeconds(60),
        () -> {
          try (ExecutorService threads = Executors.newFixedThreadPool(2)) {
            Future<Long> driver = threads.submit((Callable<Long>) () -> drive(it));
            Future<Long> device = threads.submit((Callable<Long>) () -> serve(it));
            assertEquals(driver.get(), device.get());
            return driver.get();
          }
        });
  }

  /** The device: echoes the readable number into the writable part of each chain. */
  private long serve(QueueFixture it) throws Exception {
    byte[] number = new byte[4];
    long served = 0;
    while (served < CHAINS) {
      it.queue.suppressNotifications();
      for (DescriptorChain c = it.queue.pop(); c != null; c = it.queue.pop()) {
        c.copyReadable(0, number, 0, 4);
        it.queue.addUsed(c, c.copyWritable(0, number, 0, 4));
        served++;
      }
      if (it.queue.publish()) {
        interrupt.release();
      }
      if (served < CHAINS && !it.queue.enableNotifications()) {
        await(notification, "the device was not notified");
      }
    }
    return served;
  }

  /** The driver: numbers each buffer and finds the number echoed. */
  private long drive(QueueFixture it) throws Exception {
    Buffer[][] buffers = buffers(it.ram);
    long[] addresses = addresses(buffers);
    int[] sentOf = new int[SIZE];
    int sent = 0;
    int received = 0;
    while (received < CHAINS) {
      it.driver.suppressInterrupts();
      for (int head = it.driver.next(); head >= 0; head = it.driver.next()) {
        int slot = sentOf[head] % (SIZE / 2);
        assertEquals(sentOf[head], it.ram.memory().getInt(addresses[slot] + 4));
        received++;
      }
      // Buffers come back in order, so slot n is free again when n + SIZE / 2 is sent.
      while (sent < CHAINS && it.driver.freeDescriptors() >= 2) {
        int slot = sent % (SIZE / 2);
        it.ram.memory().putInt(addresses[slot], sent);
        sentOf[it.driver.stage(buffers[slot])] = sent++;
      }
      if (it.driver.publish()) {
        notification.release();
      }
      if (received < CHAINS && !it.driver.enableInterrupts()) {
        await(interrupt, "the driver was not interrupted");
      }
    }
    return received;
  }

  private static Buffer[][] buffers(TestRam ram) {
    Buffer[][] buffers = new Buffer[SIZE / 2][];
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

  private static void await(Semaphore wakeUp, String message) throws InterruptedException {
    if (!wakeUp.tryAcquire(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
      throw new AssertionError(message);
    }
    // As an eventfd does: several signals are one wake-up.
    wakeUp.drainPermits();
  }
}
