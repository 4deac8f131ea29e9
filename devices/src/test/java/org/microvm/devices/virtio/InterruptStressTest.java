package org.microvm.devices.virtio;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Runs device, driver and event loop on three threads, with acknowledgements that reach the device
 * late. The driver sleeps until an edge arrives and then acts like Linux's handler: it reads
 * InterruptStatus, returns if that is zero, acknowledges, and only then reads what was published.
 * The device publishes more only occasionally before the driver has seen everything, so a lost
 * interrupt stops all three.
 */
@Timeout(120)
class InterruptStressTest {
  private static final int EVENTS = 300_000;

  /** The number of events that the device may be ahead, like the entries of a ring. */
  private static final int AHEAD = 3;

  private final ReentrantLock lock = new ReentrantLock();
  private final Semaphore edges = new Semaphore(0);
  private final Semaphore eventFd = new Semaphore(0);
  private final Semaphore room = new Semaphore(AHEAD);
  private final MappedAccess guest = new MappedAccess();
  private final InterruptRegisters registers =
      new InterruptRegisters(edges::release, guest.registerPage());

  private final AtomicInteger published = new AtomicInteger();
  private volatile int handled;
  private volatile boolean stop;

  private void driver() {
    while (handled < EVENTS) {
      edges.acquireUninterruptibly();
      edges.drainPermits(); // several edges count as one
      if (guest.interruptStatus() == 0) {
        continue;
      }
      guest.acknowledge();
      eventFd.release();
      int before = handled;
      int now = published.get();
      handled = now;
      room.release(now - before);
    }
  }

  private void eventLoop() {
    while (!stop) {
      eventFd.acquireUninterruptibly();
      lock.lock();
      try {
        registers.acknowledged();
      } finally {
        lock.unlock();
      }
    }
  }

  @Test
  void lateAcknowledgements_loseNoInterrupt() throws InterruptedException {
    Thread driver = Thread.ofPlatform().daemon().start(this::driver);
    Thread loop = Thread.ofPlatform().daemon().start(this::eventLoop);
    for (int i = 0; i < EVENTS; i++) {
      if (!room.tryAcquire(20, TimeUnit.SECONDS)) {
        throw new AssertionError(
            "an interrupt was lost: %d published, %d handled".formatted(i, handled));
      }
      lock.lock();
      try {
        published.incrementAndGet();
        registers.raise(MmioRegister.INTERRUPT_USED_BUFFERS);
      } finally {
        lock.unlock();
      }
    }
    driver.join(TimeUnit.SECONDS.toMillis(20));
    stop = true;
    eventFd.release();
    loop.join();

    assertEquals(EVENTS, handled);
  }
}
