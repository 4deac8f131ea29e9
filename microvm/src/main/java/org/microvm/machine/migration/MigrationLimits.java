package org.microvm.machine.migration;

import java.time.Duration;

/**
 * Limits that decide when a live migration stops the guest, and when it fails.
 *
 * @param downtime the guest is stopped when the rest of memory is expected to be sent within this
 *     time
 * @param rounds maximum number of rounds of copying; if the guest still writes too fast after them,
 *     the migration fails and the guest continues at the source
 */
public record MigrationLimits(Duration downtime, int rounds) {
  /** 20 milliseconds and 30 rounds. */
  public static final MigrationLimits DEFAULT = new MigrationLimits(Duration.ofMillis(20), 30);

  /** Checks that both are positive. */
  public MigrationLimits {
    if (!downtime.isPositive() || rounds < 1) {
      throw new IllegalArgumentException("downtime and rounds of a migration must be positive");
    }
  }
}
