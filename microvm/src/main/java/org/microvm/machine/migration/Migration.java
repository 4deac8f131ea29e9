package org.microvm.machine.migration;

import java.util.concurrent.CompletableFuture;

/**
 * A live migration of a guest to another process, started by {@code Machine.migrate}. Thread-safe.
 */
public interface Migration {
  /** The current progress. */
  MigrationProgress progress();

  /** The reason for the failure, in one line; empty if the migration has not failed. */
  String failure();

  /** Completes when the migration has ended, successfully or not; never exceptionally. */
  CompletableFuture<MigrationProgress> result();

  /**
   * Cancels the migration; the guest then continues here.
   *
   * @return false if it is too late, because GO has been sent or the migration has ended
   */
  boolean cancel();
}
