package org.microvm.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Shows once a second what a command waits for, from the first second of the wait to its end. */
final class WaitingLine implements AutoCloseable {
  private final CountDownLatch over = new CountDownLatch(1);
  private final Thread thread;

  /**
   * Begins a wait.
   *
   * @param what the command waits for, such as {@code web to shut down}
   */
  WaitingLine(String what) {
    thread = Thread.ofPlatform().daemon().name("waiting-line").unstarted(() -> show(what));
    if (StatusLine.isShown()) {
      thread.start();
    }
  }

  private void show(String what) {
    int seconds = 0;
    try {
      while (!over.await(1, TimeUnit.SECONDS)) {
        seconds++;
        StatusLine.show("waiting for %s: %d s".formatted(what, seconds));
      }
    } catch (InterruptedException e) {
      // Nothing interrupts this thread.
      Thread.currentThread().interrupt();
    }
    if (seconds > 0) {
      StatusLine.clear();
    }
  }

  /** Ends the wait; nothing is shown afterwards. */
  @Override
  public void close() {
    over.countDown();
    boolean interrupted = Thread.interrupted();
    try {
      thread.join();
    } catch (InterruptedException e) {
      interrupted = true;
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
