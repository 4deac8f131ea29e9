package org.microvm.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Interrupts the thread that created it when the process gets SIGINT, SIGTERM or SIGHUP, and keeps
 * the process until that thread has cleaned up.
 */
final class InterruptAtShutdown implements AutoCloseable {
  private static final long LONGEST_SECONDS = 60;

  private final Thread working = Thread.currentThread();
  private final CountDownLatch done = new CountDownLatch(1);
  private final Thread hook = new Thread(this::interrupt, "interruption");

  InterruptAtShutdown() {
    Runtime.getRuntime().addShutdownHook(hook);
  }

  private void interrupt() {
    working.interrupt();
    try {
      if (!done.await(LONGEST_SECONDS, TimeUnit.SECONDS)) {
        System.err.println("microvm: the command did not clean up in time");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Says that the work is done, or that it was abandoned and cleaned up. */
  @Override
  public void close() {
    done.countDown();
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The process is ending.
    }
  }
}
