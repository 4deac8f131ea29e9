package org.microvm.machine;

import org.microvm.devices.virtio.blk.BlkError;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.OnPanic;
import org.microvm.machine.migration.MigrationProgress;

/**
 * Receives the events of a machine, except its end, which {@link Machine#end} reports. Methods are
 * called on the thread that caused the event and must not block. An exception or error that one
 * throws is logged and has no other effect.
 */
public interface MachineListener {
  /** The power button was pressed; see {@link Machine#pressPowerButton}. */
  default void powerButtonPressed() {}

  /** The guest was paused; see {@link Machine#pause}. */
  default void paused() {}

  /** The guest was resumed; see {@link Machine#resume}. */
  default void resumed() {}

  /**
   * A disk's request has failed on the host. If the action is to stop, the guest has been paused,
   * and the request is repeated when it is resumed.
   *
   * @param error what has failed, and what happens now
   */
  default void diskFailed(BlkError error) {}

  /**
   * A migration has entered another phase and continues.
   *
   * @param now its progress; the status is ACTIVE
   */
  default void migrationChanged(MigrationProgress now) {}

  /**
   * A migration has ended; if it succeeded, the machine ends next.
   *
   * @param end how it ended
   */
  default void migrationEnded(MigrationProgress end) {}

  /**
   * The guest's kernel panicked. Depending on {@code action}, the machine ends next, the guest
   * boots again, or it has been paused.
   *
   * @param panic the details that are known
   * @param action what happens now
   */
  default void panicked(MachineEnd.Panicked panic, OnPanic action) {}

  /** The guest's kernel panicked, and its crash kernel takes over; the guest continues to run. */
  default void crashKernelLoaded() {}

  /**
   * The guest was reset and boots again.
   *
   * @param how how the reset was requested
   * @param byHost whether the host requested it; see {@link Machine#reset}
   */
  default void reset(MachineEnd.Reset how, boolean byHost) {}
}
