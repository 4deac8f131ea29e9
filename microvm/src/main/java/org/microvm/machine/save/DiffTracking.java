package org.microvm.machine.save;

import java.util.UUID;
import org.microvm.linux.ErrnoException;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.memory.DirtyTracker;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.machine.vm.GuestRun;
import org.microvm.machine.vm.MachineParts;

/**
 * Tracks which pages were written since the last snapshot, if that is enabled. Used while the
 * machine is paused, or before it runs.
 */
public final class DiffTracking {
  private final boolean wanted;
  private DirtyTracker tracker;
  private UUID since;

  /**
   * @param wanted whether to track pages, which slows down the guest's first write to each page
   */
  public DiffTracking(boolean wanted) {
    this.wanted = wanted;
  }

  /** Starts tracking: pages written from now on are those of a diff of this snapshot. */
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
   * @throws MachineException if they are not known
   */
  public synchronized DirtyTracker since(Snapshot base) throws MachineException {
    if (!wanted) {
      throw new MachineException(
          "written pages are not tracked: run the machine with --track-dirty-pages on");
    }
    if (tracker == null) {
      throw new MachineException(
          "there is no snapshot since the guest's start, reset or last attempted migration:"
              + " take a full one first");
    }
    if (!since.equals(base.identity().id())) {
      throw new MachineException(
          base + " is not the last snapshot of this machine, or has been replaced");
    }
    return tracker;
  }

  /** Stops tracking and ends KVM's dirty log. */
  public synchronized void end() {
    if (tracker != null) {
      tracker.close();
      tracker = null;
      since = null;
    }
  }
}
