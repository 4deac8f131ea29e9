package org.microvm.machine.snapshot;

import java.time.Duration;
import java.time.InstantSource;

/** How far the clocks of a restored guest advance when it resumes. */
public enum RestoreClock {
  /**
   * Clocks resume where they stopped, or up to a tenth of a second later if that much time has
   * passed: programs that poll ten times a second, as QEMU's guest agent polls its channel, then
   * poll at once.
   */
  SAVED,

  /**
   * Clocks advance by the time that has passed on the host's real-time clock: the time stamp
   * counter and kvmclock are set ahead, and with them all clocks that the guest derives from them,
   * including its time of day. Guest timers that would have expired meanwhile expire at once.
   */
  REALTIME;

  private static final Duration TENTH = Duration.ofMillis(100);

  /**
   * Computes the time by which the clocks of a snapshot's guest advance.
   *
   * @param snapshot says when the guest's clocks stopped
   * @param hostClock the host's real-time clock
   * @return zero or more; zero if the host's clock is behind the snapshot
   */
  public Duration passed(Snapshot snapshot, InstantSource hostClock) {
    Duration passed = Duration.between(snapshot.taken(), hostClock.instant());
    if (passed.isNegative()) {
      return Duration.ZERO;
    }
    return this == SAVED && passed.compareTo(TENTH) > 0 ? TENTH : passed;
  }
}
