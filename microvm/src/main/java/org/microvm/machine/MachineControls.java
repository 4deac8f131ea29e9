package org.microvm.machine;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.ReentrantLock;
import org.microvm.linux.ErrnoException;
import org.microvm.machine.config.DiskConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.migration.Migration;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.machine.migration.MigrationMemory;
import org.microvm.machine.save.DiffTracking;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.machine.vm.MachineParts;
import org.microvm.machine.vm.VmInstance;

/**
 * The parts that control one {@link Machine}, each with one task. They are created together and
 * closed together.
 */
record MachineControls(
    MachineContext context,
    PauseControl pauses,
    PanicControl panics,
    DiskErrorControl diskErrors,
    MachineSupervisor supervisor,
    MigrationSession migrations,
    SnapshotSession snapshots,
    MachineStatisticsReader statistics,
    CompletableFuture<Void> closed) {

  static MachineControls of(MachineConfig config, MachineParts parts, VmInstance firstInstance) {
    MachineLifecycle lifecycle = new MachineLifecycle(parts, firstInstance);
    DiffTracking tracking = new DiffTracking(config.trackDirtyPages());
    MachineContext context =
        new MachineContext(
            config,
            parts,
            lifecycle,
            tracking,
            new GuestInput(parts.board()),
            new GuestActions(config),
            new MachineListeners());
    PauseControl pauses = new PauseControl(context);
    PanicControl panics = new PanicControl(context, pauses);
    MigrationSession migrations = new MigrationSession(context, pauses);
    return new MachineControls(
        context,
        pauses,
        panics,
        new DiskErrorControl(context, pauses),
        new MachineSupervisor(context, panics),
        migrations,
        new SnapshotSession(context, pauses, migrations),
        new MachineStatisticsReader(context),
        new CompletableFuture<>());
  }

  /**
   * Returns the part that saves the machine; refuses if data of its disks is only in this process.
   */
  SnapshotSession savable() throws MachineException {
    checkDisks("saved");
    return snapshots;
  }

  /** Starts a migration over a given transport. */
  Migration migrate(
      MigrationSession.TransportFactory factory, MigrationLimits limits, MigrationMemory memory)
      throws MachineException {
    checkDisks("migrated");
    return migrations.start(factory, limits, memory);
  }

  /** Refuses a disk with an overlay, whose data is only in this process. */
  private void checkDisks(String what) throws MachineException {
    for (DiskConfig disk : context.config().disks()) {
      if (disk.overlay() && !disk.readOnly()) {
        throw new MachineException(
            "disk %s has a private overlay (snapshot=on), so the machine cannot be %s"
                .formatted(disk.file(), what));
      }
    }
  }

  /** Begins to track written pages: what changes from now on differs from this snapshot. */
  void trackSince(Snapshot.Identity snapshot) throws ErrnoException {
    MachineLifecycle lifecycle = context.lifecycle();
    lifecycle.lock().lock();
    try {
      context.tracking().begin(snapshot, context.parts(), lifecycle.instance());
    } finally {
      lifecycle.lock().unlock();
    }
  }

  /** Presses the ACPI power button; returns false if the guest has none. */
  boolean pressPowerButton() {
    boolean pressed = context.input().pressPowerButton();
    if (pressed) {
      context.listeners().fire(MachineListener::powerButtonPressed);
    }
    return pressed;
  }

  /**
   * Closes the machine. A second caller waits for the first, and then returns.
   *
   * @throws IllegalStateException on the thread of a vCPU, which would wait for itself
   */
  void close() {
    MachineLifecycle lifecycle = context.lifecycle();
    if (lifecycle.isOnVcpu()) {
      throw new IllegalStateException(
          "a machine cannot be closed on the thread of its vCPU: use another thread");
    }
    ReentrantLock closing = lifecycle.closing();
    closing.lock();
    try {
      if (!lifecycle.beginClose()) {
        return;
      }
      // While their threads may use the machine's memory, it is not released, even if something
      // fails.
      migrations.end();
      supervisor.join();
      try {
        lifecycle.abandonHeld();
        lifecycle.finish(new MachineEnd.Stopped());
        freeze();
      } finally {
        release();
      }
    } finally {
      closing.unlock();
    }
  }

  private void freeze() {
    ReentrantLock lock = context.lifecycle().lock();
    lock.lock();
    try {
      statistics.freeze();
      context.tracking().end();
    } finally {
      lock.unlock();
    }
  }

  private void release() {
    try {
      context.lifecycle().instance().close();
      context.parts().close();
    } finally {
      closed.complete(null);
    }
  }
}
