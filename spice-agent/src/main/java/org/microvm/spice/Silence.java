package org.microvm.spice;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.LongSupplier;

/**
 * Measures how long a peer has sent nothing. An answer has a limit for this time, not for its total
 * time, because large contents arrive slowly where a guest's kernel is emulated. Thread-safe.
 */
final class Silence {
  private final LongSupplier clock;
  private volatile long since;

  /**
   * @param clock the time in ns, from any origin
   */
  Silence(LongSupplier clock) {
    this.clock = clock;
    this.since = clock.getAsLong();
  }

  /** Records that the peer has sent bytes. */
  void broken() {
    since = clock.getAsLong();
  }

  /**
   * Makes an answer fail once the peer has sent nothing for the limit, starting now.
   *
   * @param answer fails with {@link TimeoutException}, unless it is complete by then
   */
  void limit(CompletableFuture<?> answer, Duration most) {
    check(answer, clock.getAsLong(), TimeUnit.NANOSECONDS.convert(most));
  }

  /** Returns the remaining time of silence in ns; 0 or less if the limit has passed. */
  long left(long asked, long most) {
    long now = clock.getAsLong();
    return most - Math.min(now - asked, now - since);
  }

  private void check(CompletableFuture<?> answer, long asked, long most) {
    long left = left(asked, most);
    if (left <= 0) {
      answer.completeExceptionally(new TimeoutException("the peer is silent"));
      return;
    }
    // A cancelled timer keeps no reference to the answer's contents.
    CompletableFuture<Void> timer =
        new CompletableFuture<Void>().completeOnTimeout(null, left, TimeUnit.NANOSECONDS);
    timer.thenRun(() -> check(answer, asked, most));
    answer.whenComplete((_, _) -> timer.cancel(false));
  }
}
