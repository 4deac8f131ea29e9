package org.microvm.machine;

import java.io.IOException;
import java.util.Optional;
import org.microvm.linux.FailureText;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.migration.Migration;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.machine.migration.MigrationMemory;
import org.microvm.machine.transfer.MigrationStream;
import org.microvm.machine.transfer.OutgoingMigration;
import org.microvm.transport.Transport;

/** Starts a machine's migrations to other processes, one at a time. Any thread may call. */
final class MigrationSession {
  private final MachineContext context;
  private final MachineLifecycle lifecycle;
  private final PauseControl pauses;

  /**
   * The last one, or null; set with the lifecycle's lock held, and read without it, because a
   * snapshot or a memory dump holds that for a while.
   */
  private volatile OutgoingMigration last;

  MigrationSession(MachineContext context, PauseControl pauses) {
    this.context = context;
    lifecycle = context.lifecycle();
    this.pauses = pauses;
  }

  /** Creates the transport to the destination. */
  interface TransportFactory {
    /** Returns a transport to the destination, which need not be open yet. */
    Transport create() throws IOException;
  }

  /**
   * Starts a migration.
   *
   * @throws MachineException as {@link Machine#migrate(java.nio.file.Path, MigrationLimits)} does
   */
  Migration start(TransportFactory factory, MigrationLimits limits, MigrationMemory memory)
      throws MachineException {
    lifecycle.lock().lock();
    try {
      lifecycle.checkRuns("only a running or paused machine can be migrated");
      lifecycle.checkNotHeld();
      if (isRunning()) {
        throw new MachineException("a migration is already in progress");
      }
      // KVM keeps one log of written pages, which the migration needs for itself.
      context.tracking().end();
      return begin(new MigrationStream(factory.create()), limits, memory);
    } catch (IOException e) {
      throw new MachineException("migration: " + FailureText.of(e), e);
    } finally {
      lifecycle.lock().unlock();
    }
  }

  private OutgoingMigration begin(
      MigrationStream stream, MigrationLimits limits, MigrationMemory memory) {
    OutgoingMigration before = last;
    try {
      OutgoingMigration migration =
          new OutgoingMigration(
              new MachineMigrationSource(context, pauses, lifecycle.instance()),
              stream,
              limits,
              memory,
              new OutgoingMigration.Callbacks(
                  now -> context.listeners().fire(listener -> listener.migrationChanged(now)),
                  end -> context.listeners().fire(listener -> listener.migrationEnded(end))));
      last = migration;
      migration.start();
      return migration;
    } catch (Error e) {
      last = before;
      // For example, no thread can be created: nothing may wait for a migration that never ends.
      stream.close();
      throw e;
    }
  }

  /** Returns the migration that is running, or the last one. */
  Optional<Migration> current() {
    return Optional.ofNullable(last);
  }

  boolean isRunning() {
    OutgoingMigration present = last;
    return present != null && !present.result().isDone();
  }

  /** Cancels a migration that is running, and waits for its end. */
  void end() {
    OutgoingMigration present = last;
    if (present != null) {
      present.endWithMachine();
    }
  }
}
