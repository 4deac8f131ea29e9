package org.microvm.virtioserial;

/**
 * Work that may be asked for at any time and any number of times, and is then done once, on the
 * event loop and behind what waits there already. So everybody gets a turn before anybody gets
 * another. Guarded by the device lock.
 */
final class Turn {
  private final DeviceCore core;
  private final Runnable task;
  private boolean requested;

  Turn(DeviceCore core, DeviceCore.Step step) {
    this.core = core;
    DeviceCore.Step once =
        () -> {
          requested = false;
          step.run();
        };
    task = () -> core.locked(once);
  }

  /** Whether a turn is coming. */
  boolean isRequested() {
    return requested;
  }

  void request() {
    if (!requested) {
      requested = true;
      core.execute(task);
    }
  }
}
