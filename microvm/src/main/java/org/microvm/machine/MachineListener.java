package org.microvm.machine;

import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.migration.MigrationProgress;

/**
 * Is told what happens to a machine; how it ends is told by {@link Machine#end}. Called on the
 * thread that brought it about, which must not be held up.
 */
public interface MachineListener {
  /** The guest stands still; see {@link Machine#pause}. */
  default void paused() {}

  /** The guest goes on; see {@link Machine#resume}. */
  default void resumed() {}

  /**
   * A migration is over; if the guest has gone, the machine ends next.
   *
   * @param end how it ended
   */
  default void migrationEnded(MigrationProgress end) {}

  /**
   * The guest's life has ended and the next one begins.
   *
   * @param how the way it came about
   * @param byHost whether the host asked for it; see {@link Machine#reset}
   */
  default void reset(MachineEnd.Reset how, boolean byHost) {}
}
