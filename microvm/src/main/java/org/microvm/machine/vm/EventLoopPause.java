package org.microvm.machine.vm;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import org.microvm.linux.EventLoop;

/**
 * Keeps an event loop from calling handlers until this object is closed: a loop with a thread of
 * its own by blocking that, a shared one by leaving it out.
 */
public final class EventLoopPause implements AutoCloseable {
  private final CountDownLatch held = new CountDownLatch(1);
  private final CountDownLatch released = new CountDownLatch(1);

  /** The loop, if it is a shared one; else null. */
  private final EventLoop shared;

  private EventLoopPause(EventLoop shared) {
    this.shared = shared;
  }

  /**
   * Blocks a loop and waits until it is blocked, or has ended.
   *
   * @throws RejectedExecutionException if it is a shared loop that is closed already
   */
  public static EventLoopPause of(EventLoop loop) throws InterruptedException {
    EventLoopPause loopPause = begin(loop);
    loopPause.await();
    return loopPause;
  }

  /** Requests that the loop blocks; {@link #await} waits for it. */
  public static EventLoopPause begin(EventLoop loop) {
    EventLoopPause loopPause = new EventLoopPause(loop.isShared() ? loop : null);
    if (loop.isShared()) {
      loop.suspend(loopPause.held::countDown);
    } else {
      // A loop that ends calls no handlers either.
      loop.execute(loopPause::stand, loopPause.held::countDown);
    }
    return loopPause;
  }

  /** Waits until the loop is blocked; if interrupted, lets the loop continue. */
  public void await() throws InterruptedException {
    try {
      held.await();
    } catch (InterruptedException e) {
      close();
      throw e;
    }
  }

  private void stand() {
    held.countDown();
    boolean interrupted = false;
    while (released.getCount() > 0) {
      try {
        released.await();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    if (shared != null && released.getCount() > 0) {
      shared.resume();
    }
    released.countDown();
  }
}
