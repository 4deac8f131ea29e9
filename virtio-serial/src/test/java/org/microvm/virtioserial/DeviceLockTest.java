package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The device's two locks are always taken in the same order. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class DeviceLockTest {
  private final DeviceLock lock = new DeviceLock();
  private final ReentrantLock transport = new ReentrantLock();

  @Test
  void enter_beforeTheFirstActivation_needsNoTransport() {
    assertNull(lock.enter());
    lock.exit(null);
  }

  @Test
  void enter_afterBind_holdsTheTransportsLock() {
    lock.bind(transport);

    assertSame(transport, lock.enter());

    assertTrue(transport.isHeldByCurrentThread());
    lock.exit(transport);
    assertFalse(transport.isHeldByCurrentThread());
  }

  @Test
  void enter_againAfterAnActivationMeanwhile_doesNotWaitForTheTransport() throws Exception {
    CountDownLatch inside = new CountDownLatch(1);
    CountDownLatch bound = new CountDownLatch(1);
    Thread loop = Thread.ofPlatform().daemon().start(() -> enterTwice(inside, bound));
    inside.await();
    Thread vcpu = Thread.ofPlatform().daemon().start(() -> activate(bound));

    assertTrue(loop.join(Await.LIMIT), "deadlock");
    assertTrue(vcpu.join(Await.LIMIT), "deadlock");
    assertFalse(transport.isLocked());
  }

  /** Enters the lock as the event loop does, from before the first activation until after it. */
  private void enterTwice(CountDownLatch inside, CountDownLatch bound) {
    ReentrantLock first = lock.enter();
    inside.countDown();
    awaitUnchecked(bound);
    ReentrantLock second = lock.enter();
    lock.exit(second);
    lock.exit(first);
  }

  /** Enters the lock as a vCPU does: it holds the transport's lock and waits for the event loop. */
  private void activate(CountDownLatch bound) {
    transport.lock();
    lock.bind(transport);
    bound.countDown();
    lock.exit(lock.enter());
    transport.unlock();
  }

  private static void awaitUnchecked(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
