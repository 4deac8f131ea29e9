package org.microvm.machine.migration;

import java.time.Duration;

/**
 * Limits that decide when a live migration stops the guest, and when it fails.
 *
 * @param downtime the guest is stopped when the rest of memory is expected to be sent within this
 *     time
 * @param rounds maximum number of rounds of copying; if the guest still writes too fast after them,
 *     the migration fails and the guest continues at the source
 * @param bytesPerSecond how fast memory is copied while the guest runs; 0 for no limit, and without
 *     effect on memory that is handed over
 */
public record MigrationLimits(Duration downtime, int rounds, long bytesPerSecond) {
  /** 20 milliseconds, 30 rounds, and no limit of the speed. */
  public static final MigrationLimits DEFAULT = new MigrationLimits(Duration.ofMillis(20), 30);

  /** Checks that the first two are positive, and the speed is not negative. */
  public MigrationLimits {
    if (!downtime.isPositive() || rounds < 1) {
      throw new IllegalArgumentException("downtime and rounds of a migration must be positive");
    }
    if (bytesPerSecond < 0) {
      throw new IllegalArgumentException("the speed of a migration must not be negative");
    }
  }

  /**
   * Creates limits without a limit of the speed.
   *
   * @param downtime as for the record
   * @param rounds as for the record
   */
  public MigrationLimits(Duration downtime, int rounds) {
    this(downtime, rounds, 0);
  }

  /**
   * {@return a copy with another downtime}
   *
   * @param time as for the record
   */
  public MigrationLimits withDowntime(Duration time) {
    return new MigrationLimits(time, rounds, bytesPerSecond);
  }

  /**
   * {@return a copy with another limit of the speed}
   *
   * @param rate bytes per second; 0 for no limit
   */
  public MigrationLimits withBytesPerSecond(long rate) {
    return new MigrationLimits(downtime, rounds, rate);
  }
}
