package org.microvm.machine.save;

import java.util.UUID;
import org.microvm.linux.ErrnoException;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.memory.DirtyTracker;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.machine.vm.GuestRun;
import org.microvm.machine.vm.MachineParts;

/**
 * Which pages were written since the last snapshot, if anybody cares. Used with the machine
 * standing still, or before it runs.
 */
public final class DiffTracking {
  private final boolean wanted;
  private DirtyTracker tracker;
  private UUID since;

  /**
   * @param wanted whether pages are to be tracked at all, which slows the guest's first write to
   *     each down
   */
  public DiffTracking(boolean wanted) {
    this.wanted = wanted;
  }

  /** What is written from now on is what differs from this snapshot. */
  public synchronized void begin(Snapshot.Identity snapshot, MachineParts parts, GuestRun run)
      throws ErrnoException {
    if (!wanted) {
      return;
    }
    if (tracker == null) {
      tracker = new DirtyTracker(parts.board().ram().memory(), run.ramSlots());
    } else {
      tracker.collect();
    }
    since = snapshot.id();
  }

  /**
   * The pages that were written since a snapshot.
   *
   * @throws MachineException if that is not known
   */
  public synchronized DirtyTracker since(Snapshot base) throws MachineException {
    if (!wanted) {
      throw new MachineException(
          "written pages are not tracked: run the machine with --track-dirty-pages on");
    }
    if (tracker == null) {
      throw new MachineException(
          "there is no snapshot since the guest's start or reset, or since a migration was tried:"
              + " take a full one first");
    }
    if (!since.equals(base.identity().id())) {
      throw new MachineException(
          base + " is not the last snapshot of this machine, or it was replaced");
    }
    return tracker;
  }

  /** Nothing is known any more; the log ends. */
  public synchronized void end() {
    if (tracker != null) {
      tracker.close();
      tracker = null;
      since = null;
    }
  }
}
