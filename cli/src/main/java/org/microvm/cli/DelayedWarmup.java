package org.microvm.cli;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Warms the JVM up in the background, once a machine or a server has run for a moment. */
final class DelayedWarmup {
  private static final Logger LOG = LoggerFactory.getLogger(DelayedWarmup.class);

  /** After this time a restored guest has answered, and most short-lived machines have ended. */
  private static final long AFTER_SECONDS = 2;

  private DelayedWarmup() {}

  /**
   * Starts the thread. Without one there is no warm-up.
   *
   * @param end completed when the machine or the server has ended
   */
  static void start(String name, Future<?> end, Runnable warmup) {
    try {
      Thread.ofPlatform()
          .daemon()
          .name(name)
          .priority(Thread.MIN_PRIORITY)
          .start(
              () -> {
                try {
                  end.get(AFTER_SECONDS, TimeUnit.SECONDS);
                } catch (TimeoutException e) {
                  warmup.run();
                } catch (InterruptedException | ExecutionException e) {
                  // The process is ending.
                }
              });
    } catch (OutOfMemoryError e) {
      LOG.debug("no thread for {}: {}", name, e.getMessage());
    }
  }
}
