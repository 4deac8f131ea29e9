package org.microvm.virtioserial;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.microvm.linux.EventLoop;

/** Waits, without sleeping, until an event loop has done its pending work. */
final class Await {
  static final Duration LIMIT = Duration.ofSeconds(20);

  private Await() {}

  /** Waits until the loop has done one round of everything that is ready now. */
  static void round(EventLoop loop) {
    CountDownLatch done = new CountDownLatch(1);
    loop.execute(done::countDown);
    try {
      if (!done.await(LIMIT.toSeconds(), TimeUnit.SECONDS)) {
        throw new AssertionError("the event loop did not complete a round in time");
      }
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /** Waits until the loop has done everything that was caused before the call. */
  static void idle(EventLoop loop) {
    for (int i = 0; i < 10; i++) {
      round(loop);
    }
  }

  /** Waits until a condition holds, while the loop runs. */
  static void until(EventLoop loop, String what, BooleanSupplier condition) {
    long deadline = System.nanoTime() + LIMIT.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("did not happen in time: " + what);
      }
      round(loop);
    }
  }
}
