package org.microvm.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.ClosedSelectorException;
import java.time.Duration;
import java.util.function.LongSupplier;

/** Ends a client's waiting for a peer that has stopped: blocking calls have no limit themselves. */
final class StallGuard {
  /** Much longer than anything takes that goes on at all. */
  static final Duration LIMIT = Duration.ofSeconds(10);

  private final Duration limit;
  private final LongSupplier progress;
  private final Runnable giveUp;
  private volatile boolean stalled;

  /**
   * @param limit how long nothing may move; it is noticed after twice the time at the latest
   * @param progress grows when something moves; called on a thread of its own
   * @param giveUp makes the client's calls fail, likewise
   */
  StallGuard(Duration limit, LongSupplier progress, Runnable giveUp) {
    this.limit = limit;
    this.progress = progress;
    this.giveUp = giveUp;
  }

  /** Moves bytes. */
  interface Work<T> {
    T run() throws IOException;
  }

  /**
   * Works under guard.
   *
   * @throws IOException of the work, or if nothing moved for too long
   */
  <T> T watch(Work<T> work) throws IOException {
    Thread thread = Thread.ofPlatform().daemon().name("stall-guard").start(this::look);
    try {
      return work.run();
    } catch (IOException | UncheckedIOException | ClosedSelectorException e) {
      if (stalled) {
        throw new IOException("no byte has moved for " + limit.toMillis() / 1000.0 + " s", e);
      }
      throw e;
    } finally {
      thread.interrupt();
    }
  }

  private void look() {
    try {
      long last = progress.getAsLong();
      for (; ; ) {
        Thread.sleep(limit);
        long now = progress.getAsLong();
        if (now == last) {
          stalled = true;
          giveUp.run();
          return;
        }
        last = now;
      }
    } catch (InterruptedException e) {
      return; // the work is done
    }
  }
}
