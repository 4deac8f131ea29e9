package org.microvm.machine;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;
import org.microvm.linux.FailureText;
import org.microvm.linux.Fd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.memory.DirtyTracker;
import org.microvm.machine.save.MemoryDump;
import org.microvm.machine.save.SnapshotFiles;
import org.microvm.machine.save.SnapshotWriter;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.machine.vm.EventLoopPause;
import org.microvm.virtioserial.SerialHandover;

/**
 * Saves a machine as a {@link Snapshot}, with its vCPUs and its event loop stopped meanwhile. Any
 * thread may call; one snapshot is written at a time.
 *
 * <p>Locks are taken in this order: the one against closing, the one for a standstill, the
 * lifecycle's, which makes a reset by the host wait until the files are written, and the one that
 * keeps the ports as they are.
 */
final class SnapshotSession {
  private static final String NOT_TO_BE_SAVED = "only a running or paused machine can be saved";

  private final MachineContext context;
  private final MachineLifecycle lifecycle;
  private final PauseControl pauses;
  private final MigrationSession migrations;

  SnapshotSession(MachineContext context, PauseControl pauses, MigrationSession migrations) {
    this.context = context;
    lifecycle = context.lifecycle();
    this.pauses = pauses;
    this.migrations = migrations;
  }

  /** Saves all of the machine as {@link Machine#snapshot(Path, UnaryOperator)} says. */
  void full(Path directory, UnaryOperator<List<String>> arguments)
      throws MachineException, InterruptedException {
    save(directory, full(arguments));
  }

  private Save full(UnaryOperator<List<String>> arguments) {
    return (_, files, identity) -> writeFull(files, identity, options(arguments));
  }

  /** Saves the machine and ends it as {@link Machine#snapshotAndStop} says. */
  void last(Path directory, Path base, UnaryOperator<List<String>> arguments, Runnable onSaved)
      throws MachineException, InterruptedException {
    Save save = base == null ? full(arguments) : changes(directory, base, arguments);
    save(
        directory,
        (standstill, files, identity) ->
            saveAndEnd(standstill, () -> save.run(standstill, files, identity), onSaved));
  }

  /** Saves what has changed as {@link Machine#snapshotDiff} says. */
  void diff(Path directory, Path base, UnaryOperator<List<String>> arguments)
      throws MachineException, InterruptedException {
    save(directory, changes(directory, base, arguments));
  }

  private Save changes(Path directory, Path base, UnaryOperator<List<String>> arguments)
      throws MachineException {
    Snapshot other = Snapshot.open(base);
    if (directory.toAbsolutePath().normalize().equals(base.toAbsolutePath().normalize())) {
      throw new MachineException("a diff snapshot cannot be written over its own base " + other);
    }
    return (_, files, identity) -> writeDiff(files, identity, base, other, options(arguments));
  }

  /** Writes the guest's memory as {@link Machine#dumpMemory} says. */
  void dump(Fd file) throws MachineException, InterruptedException {
    checkThread();
    lifecycle.closing().lock();
    try (Standstill standstill = pauses.standstill()) {
      lifecycle.checkRuns("only the memory of a running or paused guest can be dumped");
      whilePaused(
          standstill,
          () -> {
            lifecycle.lock().lock();
            try {
              MemoryDump.write(file, context.parts().board().ram(), lifecycle.instance());
            } finally {
              lifecycle.lock().unlock();
            }
          });
    } catch (IOException e) {
      throw new MachineException("memory dump: " + FailureText.of(e), e);
    } finally {
      lifecycle.closing().unlock();
    }
  }

  /** Refuses the event loop's thread, which would wait for itself to stop. */
  private void checkThread() {
    if (context.parts().loop().inLoop()) {
      throw new IllegalStateException(
          "a machine cannot be saved on its event loop, which is stopped meanwhile:"
              + " use another thread");
    }
  }

  /** Writes the files of a snapshot while the machine stands still. */
  private interface Save {
    void run(Standstill standstill, SnapshotFiles files, Snapshot.Identity identity)
        throws IOException, MachineException;
  }

  private void save(Path directory, Save save) throws MachineException, InterruptedException {
    checkThread();
    lifecycle.closing().lock();
    try (Standstill standstill = pauses.standstill()) {
      lifecycle.checkRuns(NOT_TO_BE_SAVED);
      Snapshot.Identity identity = Snapshot.Identity.random();
      try (SnapshotFiles files = SnapshotFiles.create(directory, identity)) {
        files.memory().resize(context.config().memoryBytes());
        whilePaused(standstill, () -> save.run(standstill, files, identity));
      }
    } catch (IOException e) {
      throw new MachineException("snapshot %s: %s".formatted(directory, FailureText.of(e)), e);
    } finally {
      lifecycle.closing().unlock();
    }
  }

  /** Something that is done while the machine stands still. */
  private interface Work {
    void run() throws IOException, MachineException;
  }

  private void whilePaused(Standstill standstill, Work work)
      throws IOException, MachineException, InterruptedException {
    try {
      if (!standstill.stop()) {
        throw new MachineException(NOT_TO_BE_SAVED);
      }
      try (EventLoopPause _ = EventLoopPause.of(context.parts().loop())) {
        work.run();
      }
    } finally {
      // Before the files are closed, which takes time.
      standstill.end();
    }
  }

  /**
   * Saves the guest and ends it before anything here could change what was saved: its restored copy
   * continues from there. So the devices are released as for a migration, before the event loop
   * runs again, and the host's input is held back.
   */
  private void saveAndEnd(Standstill standstill, Work save, Runnable onSaved)
      throws IOException, MachineException {
    if (!lifecycle.beginToLeave(lifecycle.instance())) {
      throw new IOException("the guest has ended or was reset");
    }
    context.input().hold();
    boolean saved = false;
    try {
      save.run();
      saved = true;
    } finally {
      if (!saved) {
        lifecycle.stay();
        context.input().release();
      }
    }
    try {
      onSaved.run();
      context.parts().serial().handover().release();
      context.parts().board().release();
    } finally {
      lifecycle.stop();
      standstill.keepStopped();
    }
  }

  /** Returns the options for the snapshot to keep; called without the lifecycle's lock. */
  private List<String> options(UnaryOperator<List<String>> arguments) {
    return arguments.apply(context.config().options());
  }

  private SnapshotWriter writer(List<String> options) {
    return new SnapshotWriter(context.config(), context.parts(), lifecycle.instance(), options);
  }

  private void writeFull(SnapshotFiles files, Snapshot.Identity identity, List<String> options)
      throws IOException {
    lifecycle.lock().lock();
    try (SerialHandover.Freeze _ = context.parts().serial().handover().freeze()) {
      writer(options).writeFull(files, identity);
      // A migration needs the log of written pages for itself.
      if (!migrations.isRunning()) {
        beginTracking(identity);
      }
    } finally {
      lifecycle.lock().unlock();
    }
  }

  private void writeDiff(
      SnapshotFiles files,
      Snapshot.Identity identity,
      Path basePath,
      Snapshot base,
      List<String> options)
      throws IOException, MachineException {
    lifecycle.lock().lock();
    try (SerialHandover.Freeze _ = context.parts().serial().handover().freeze()) {
      DirtyTracker written = context.tracking().since(base);
      boolean done = false;
      try {
        writer(options).writeDiff(files, identity, written, basePath, base);
        beginTracking(identity);
        done = true;
      } finally {
        if (!done) {
          // KVM has handed out its log of what was written since then: it is no longer known.
          context.tracking().end();
        }
      }
    } finally {
      lifecycle.lock().unlock();
    }
  }

  private void beginTracking(Snapshot.Identity identity) throws IOException {
    context.tracking().begin(identity, context.parts(), lifecycle.instance());
  }
}
