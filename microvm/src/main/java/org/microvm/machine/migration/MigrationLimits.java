package org.microvm.machine.migration;

import java.time.Duration;

/**
 * When a live migration stops the guest, and when it gives up.
 *
 * @param downtime what is left to send must be expected to take no longer than this
 * @param rounds how often memory is gone through before it counts as not converging; the migration
 *     then fails and the guest goes on where it is
 */
public record MigrationLimits(Duration downtime, int rounds) {
  /** 20 milliseconds and 30 rounds. */
  public static final MigrationLimits DEFAULT = new MigrationLimits(Duration.ofMillis(20), 30);

  /** Checks that both are positive. */
  public MigrationLimits {
    if (!downtime.isPositive() || rounds < 1) {
      throw new IllegalArgumentException("a migration needs a positive downtime and a round");
    }
  }
}
