package org.microvm.machine;

import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.migration.MigrationProgress;

/**
 * Receives the events of a machine, except its end, which {@link Machine#end} reports. Methods are
 * called on the thread that caused the event and must not block.
 */
public interface MachineListener {
  /** The power button was pressed; see {@link Machine#pressPowerButton}. */
  default void powerButtonPressed() {}

  /** The guest was paused; see {@link Machine#pause}. */
  default void paused() {}

  /** The guest was resumed; see {@link Machine#resume}. */
  default void resumed() {}

  /**
   * A migration has ended; if it succeeded, the machine ends next.
   *
   * @param end how it ended
   */
  default void migrationEnded(MigrationProgress end) {}

  /**
   * The guest was reset and boots again.
   *
   * @param how how the reset was requested
   * @param byHost whether the host asked for it; see {@link Machine#reset}
   */
  default void reset(MachineEnd.Reset how, boolean byHost) {}
}
