package org.microvm.spice;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.LongSupplier;

/**
 * How long a peer has sent nothing. An answer has a limit for that and none for its whole time:
 * large contents come slowly where a guest's kernel is emulated. Thread-safe.
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

  /** The peer has sent something. */
  void broken() {
    since = clock.getAsLong();
  }

  /**
   * Has an answer fail once the peer has sent nothing for so long, from now on.
   *
   * @param answer fails with {@link TimeoutException}, unless it is complete by then
   */
  void limit(CompletableFuture<?> answer, Duration most) {
    check(answer, clock.getAsLong(), TimeUnit.NANOSECONDS.convert(most));
  }

  /** Returns the time in ns for which the peer may still be silent; 0 or less if none is left. */
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
    // A timer that is cancelled does not hold the answer's contents.
    CompletableFuture<Void> timer =
        new CompletableFuture<Void>().completeOnTimeout(null, left, TimeUnit.NANOSECONDS);
    timer.thenRun(() -> check(answer, asked, most));
    answer.whenComplete((_, _) -> timer.cancel(false));
  }
}
