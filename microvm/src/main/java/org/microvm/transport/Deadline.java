package org.microvm.transport;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Bounds the time of several blocking calls together: after it an action runs on another thread,
 * which makes the calls fail. Limits of single calls do not bound their sum, because a peer can
 * send one byte at a time.
 */
public final class Deadline implements AutoCloseable {
  private final AtomicBoolean decided = new AtomicBoolean();
  private final CountDownLatch begun = new CountDownLatch(1);
  private final CountDownLatch closed = new CountDownLatch(1);

  /**
   * Starts to wait.
   *
   * @param late runs once if {@link #meet} is not called in time
   */
  public Deadline(Duration limit, Runnable late) {
    this(limit, late, true);
  }

  private Deadline(Duration limit, Runnable late, boolean begins) {
    if (begins) {
      begin();
    }
    Thread.ofPlatform().daemon().name("deadline").start(() -> await(limit, late));
  }

  /** Creates a deadline whose time begins with {@link #begin}, which starts no thread. */
  public static Deadline prepared(Duration limit, Runnable late) {
    return new Deadline(limit, late, false);
  }

  /** Starts to wait, once. */
  public void begin() {
    begun.countDown();
  }

  private void await(Duration limit, Runnable late) {
    try {
      begun.await();
      boolean ended = closed.await(TimeUnit.NANOSECONDS.convert(limit), TimeUnit.NANOSECONDS);
      if (!ended && decided.compareAndSet(false, true)) {
        late.run();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Returns whether this is in time; if so, the action will not run. */
  public boolean meet() {
    boolean inTime = decided.compareAndSet(false, true);
    begin();
    closed.countDown();
    return inTime;
  }

  /** Cancels the action unless it is already running. */
  @Override
  public void close() {
    meet();
  }
}
