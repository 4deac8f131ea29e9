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
    await(done, "the event loop did not complete a round in time");
  }

  private static void await(CountDownLatch done, String failure) {
    try {
      if (!done.await(LIMIT.toSeconds(), TimeUnit.SECONDS)) {
        throw new AssertionError(failure);
      }
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /**
   * Waits until the loop is idle: it has done all work that was requested before the call, and the
   * work that this caused. Does not wait for timers that are not due yet.
   */
  static void idle(EventLoop loop) {
    CountDownLatch done = new CountDownLatch(1);
    loop.executeWhenIdle(done::countDown);
    await(done, "the event loop did not become idle in time");
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

  /** Waits until a thread is in a state, such as waiting. */
  static void state(Thread thread, Thread.State state) {
    long deadline = System.nanoTime() + LIMIT.toNanos();
    while (thread.getState() != state) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError(thread + " is " + thread.getState() + ", not " + state);
      }
      Thread.yield();
    }
  }
}
