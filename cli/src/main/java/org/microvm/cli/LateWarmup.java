package org.microvm.cli;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.microvm.machine.Machine;
import org.microvm.machine.MigrationWarmup;

/** Warms up migration in the background, once the machine has run for a moment. */
final class LateWarmup {
  /** After this time a restored guest has answered, and most short-lived machines have ended. */
  private static final long AFTER_SECONDS = 2;

  private LateWarmup() {}

  /** For a machine with a control socket, which can be migrated. */
  static void start(Machine machine) {
    Thread.ofPlatform()
        .daemon()
        .name("migration-warmup")
        .priority(Thread.MIN_PRIORITY)
        .start(
            () -> {
              try {
                machine.end().get(AFTER_SECONDS, TimeUnit.SECONDS);
              } catch (TimeoutException e) {
                MigrationWarmup.run();
              } catch (InterruptedException | ExecutionException e) {
                // The process is ending.
              }
            });
  }
}
