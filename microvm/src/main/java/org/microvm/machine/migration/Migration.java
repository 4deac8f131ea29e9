package org.microvm.machine.migration;

import java.util.concurrent.CompletableFuture;

/**
 * A live migration of a guest to another process, started by {@code Machine.migrate}. Any thread
 * may call.
 */
public interface Migration {
  /** The progress so far. */
  MigrationProgress progress();

  /** Why it failed, in one line; empty if it has not. */
  String failure();

  /** Completes when it is over, one way or the other; never exceptionally. */
  CompletableFuture<MigrationProgress> result();

  /**
   * Calls it off; the guest goes on here.
   *
   * @return whether that was possible; false once the other side has been told to go on
   */
  boolean cancel();
}
