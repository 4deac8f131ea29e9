package org.microvm.machine.vm;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import org.microvm.linux.EventLoop;

/** Blocks an event loop until this object is closed. */
public final class LoopHold implements AutoCloseable {
  private final CountDownLatch held = new CountDownLatch(1);
  private final CountDownLatch released = new CountDownLatch(1);

  private LoopHold() {}

  /**
   * Blocks a loop and waits until it is blocked.
   *
   * @throws RejectedExecutionException if the loop is closed
   */
  public static LoopHold of(EventLoop loop) throws InterruptedException {
    LoopHold hold = begin(loop);
    hold.await();
    return hold;
  }

  /** Requests that the loop blocks; {@link #await} waits for it. */
  public static LoopHold begin(EventLoop loop) {
    LoopHold hold = new LoopHold();
    loop.execute(hold::stand);
    return hold;
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
    released.countDown();
  }
}
