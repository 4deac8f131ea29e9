package org.microvm.virtioserial;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.microvm.linux.EventLoop;

/** Waits for what an event loop is about to do, without sleeping. */
final class Await {
  static final Duration LIMIT = Duration.ofSeconds(20);

  private Await() {}

  /** Lets the loop do a whole round of all that is ready now. */
  static void round(EventLoop loop) {
    CountDownLatch done = new CountDownLatch(1);
    loop.execute(done::countDown);
    try {
      if (!done.await(LIMIT.toSeconds(), TimeUnit.SECONDS)) {
        throw new AssertionError("the event loop does not go round");
      }
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /** Lets the loop go round until it has nothing left to do that was caused before the call. */
  static void idle(EventLoop loop) {
    for (int i = 0; i < 10; i++) {
      round(loop);
    }
  }

  /** Lets the loop go round until something holds. */
  static void until(EventLoop loop, String what, BooleanSupplier condition) {
    long deadline = System.nanoTime() + LIMIT.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("waited in vain: " + what);
      }
      round(loop);
    }
  }
}
