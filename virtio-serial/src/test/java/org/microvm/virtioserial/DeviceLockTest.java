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

/** Two locks that must always be taken in one order. */
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
    // The event loop is inside, from before the first activation.
    ReentrantLock first = lock.enter();
    CountDownLatch bound = new CountDownLatch(1);
    Thread vcpu =
        Thread.ofPlatform()
            .start(
                () -> {
                  transport.lock();
                  lock.bind(transport);
                  bound.countDown();
                  lock.exit(lock.enter()); // waits for the event loop, with the transport's lock
                  transport.unlock();
                });
    bound.await();

    ReentrantLock second = lock.enter();
    lock.exit(second);
    lock.exit(first);

    vcpu.join();
    assertFalse(transport.isLocked());
  }
}
