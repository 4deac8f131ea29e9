package org.microvm.machine.migration;

import java.util.concurrent.CompletableFuture;
import org.microvm.machine.config.MachineEnd;

/**
 * A live migration of a guest to another process, started by {@code Machine.migrate}. Thread-safe.
 *
 * <p>After a complete migration the machine ends with {@link MachineEnd.Migrated}; after a failed
 * one the guest continues here. There is one exception: if a TCP connection is lost right after the
 * request to run the guest was sent to the destination, the guest stays paused here, since it may
 * be running there.
 */
public interface Migration {
  /** {@return the current progress, or the final one if the migration has ended} */
  MigrationProgress progress();

  /** {@return the reason for the failure, in one line; empty if the migration has not failed} */
  String failure();

  /**
   * {@return a new future that completes when the migration has ended, successfully or not; never
   * exceptionally}
   */
  CompletableFuture<MigrationProgress> result();

  /**
   * Cancels the migration; the guest then continues here.
   *
   * @return false if it is too late, because GO has been sent or the migration has ended
   */
  boolean cancel();
}
