package org.microvm.machine.migration;

import java.time.Duration;

/**
 * The progress of a live migration.
 *
 * @param status the current phase
 * @param rounds number of copying rounds so far, including the first; 0 if memory is handed over
 * @param sentBytes bytes of memory sent so far
 * @param remainingBytes bytes of memory that were dirty at the start of the last round
 * @param bytesPerSecond speed of the last round
 * @param total time since the start, or from the start to the end
 * @param handover the parts of the downtime; all zero before the handover
 */
public record MigrationProgress(
    Status status,
    int rounds,
    long sentBytes,
    long remainingBytes,
    long bytesPerSecond,
    Duration total,
    HandoverTimes handover) {
  /**
   * {@return the downtime, from the pause of the guest to the report that it runs; zero before the
   * handover}
   */
  public Duration downtime() {
    return handover.total();
  }

  /**
   * {@return a copy in a later round}
   *
   * @param now the phase that the round belongs to
   * @param round number of copying rounds so far, including this one
   * @param remaining bytes of memory that are dirty at the start of the round
   * @param rate bytes per second
   */
  public MigrationProgress inRound(Status now, int round, long remaining, long rate) {
    return new MigrationProgress(now, round, sentBytes, remaining, rate, total, handover);
  }

  /**
   * {@return a copy with more bytes of memory sent}
   *
   * @param bytes how many to add to {@link #sentBytes}
   */
  public MigrationProgress plusSent(long bytes) {
    return new MigrationProgress(
        status, rounds, sentBytes + bytes, remainingBytes, bytesPerSecond, total, handover);
  }

  /**
   * {@return a copy with another total time}
   *
   * @param time from the start until now, or until the end
   */
  public MigrationProgress after(Duration time) {
    return new MigrationProgress(
        status, rounds, sentBytes, remainingBytes, bytesPerSecond, time, handover);
  }

  /**
   * {@return a copy for a migration that has ended} Of a complete one, no bytes remain to be sent.
   *
   * @param how {@link Status#COMPLETED}, {@link Status#FAILED} or {@link Status#CANCELLED}
   * @param times the parts of the downtime, or {@link HandoverTimes#NONE}
   */
  public MigrationProgress ended(Status how, HandoverTimes times) {
    return new MigrationProgress(
        how,
        rounds,
        sentBytes,
        how == Status.COMPLETED ? 0 : remainingBytes,
        bytesPerSecond,
        total,
        times);
  }

  /** The phase of a migration; the names are those of QMP. */
  public enum Status {
    /** The source waits for the destination to accept the guest. */
    SETUP,
    /** Memory is sent while the guest runs. */
    ACTIVE,
    /** The guest is stopped, and the rest is sent. */
    DEVICE,
    /** The guest runs at the destination. */
    COMPLETED,
    /** The migration failed; the guest stays here. */
    FAILED,
    /** Ended by {@link Migration#cancel}; the guest stays here. */
    CANCELLED
  }
}
