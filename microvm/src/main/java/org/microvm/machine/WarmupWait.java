package org.microvm.machine;

import java.io.IOException;
import java.util.concurrent.TimeUnit;

/** Polls for what the event loop does next, and leaves it the processor if that takes long. */
final class WarmupWait {
  private static final long SPIN_NANOS = TimeUnit.MICROSECONDS.toNanos(50);
  private static final long LIMIT_NANOS = TimeUnit.SECONDS.toNanos(2);

  private final long start = System.nanoTime();

  /**
   * Waits for a moment.
   *
   * @throws IOException if it has taken too long
   */
  void pause() throws IOException {
    long passed = System.nanoTime() - start;
    if (passed > LIMIT_NANOS) {
      throw new IOException("the event loop does not answer");
    }
    if (passed > SPIN_NANOS) {
      Thread.yield();
    } else {
      Thread.onSpinWait();
    }
  }
}
