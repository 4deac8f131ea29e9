package org.microvm.machine.migration;

import java.time.Duration;

/**
 * How far a live migration has come.
 *
 * @param status where it is
 * @param rounds how often memory has been gone through, the first time included; 0 if it is handed
 *     over
 * @param sentBytes bytes of memory sent so far
 * @param remainingBytes bytes of memory that were found written at the last look
 * @param bytesPerSecond how fast memory went in the last round
 * @param total since it began, or until it ended
 * @param handover for how long the guest stood still, and what for; nothing before that
 */
public record MigrationProgress(
    Status status,
    int rounds,
    long sentBytes,
    long remainingBytes,
    long bytesPerSecond,
    Duration total,
    HandoverTimes handover) {
  /** How long the guest stood still, from the pause to the word that it runs again; zero before. */
  public Duration downtime() {
    return handover.total();
  }

  /** This, in a later round. */
  public MigrationProgress inRound(Status now, int round, long remaining, long rate) {
    return new MigrationProgress(now, round, sentBytes, remaining, rate, total, handover);
  }

  /** This, with more bytes of memory sent. */
  public MigrationProgress plusSent(long bytes) {
    return new MigrationProgress(
        status, rounds, sentBytes + bytes, remainingBytes, bytesPerSecond, total, handover);
  }

  /** This, after so much time. */
  public MigrationProgress after(Duration time) {
    return new MigrationProgress(
        status, rounds, sentBytes, remainingBytes, bytesPerSecond, time, handover);
  }

  /** This, at its end. */
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

  /** Where a migration is; the names are QMP's. */
  public enum Status {
    /** The other side is asked whether it can take the guest. */
    SETUP,
    /** Memory is sent while the guest runs. */
    ACTIVE,
    /** The guest stands still and the rest is sent. */
    DEVICE,
    /** The guest runs on the other side. */
    COMPLETED,
    /** Something went wrong; the guest goes on here. */
    FAILED,
    /** {@link Migration#cancel}; the guest goes on here. */
    CANCELLED
  }
}
