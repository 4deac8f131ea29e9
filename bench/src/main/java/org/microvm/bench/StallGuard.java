package org.microvm.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.ClosedSelectorException;
import java.time.Duration;
import java.util.function.LongSupplier;

/** Ends a client's wait for a peer that has stalled, because blocking calls have no time limit. */
final class StallGuard {
  /** Much longer than any operation takes unless it has stalled. */
  static final Duration LIMIT = Duration.ofSeconds(10);

  private final Duration limit;
  private final LongSupplier progress;
  private final Runnable giveUp;
  private volatile boolean stalled;

  /**
   * @param limit time without progress that counts as a stall; it is detected after at most twice
   *     that time
   * @param progress grows when bytes move; called on a separate thread
   * @param giveUp makes the client's calls fail; called on that thread
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
   * Runs the work under this guard.
   *
   * @throws IOException if the work fails or stalls
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
      return; // the work has ended
    }
  }
}
