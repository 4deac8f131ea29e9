package org.microvm.machine.snapshot;

import java.time.Duration;
import java.time.InstantSource;

/** What the clocks of a restored guest show when it goes on. */
public enum RestoreClock {
  /**
   * They go on from where they were, or a tenth of a second later if it is that long ago: programs
   * that look ten times a second, as QEMU's guest agent does for its host, look at once then.
   */
  SAVED,

  /**
   * They have run on meanwhile, by the host's real-time clock: time stamp counter and kvmclock are
   * set ahead, and so are all clocks that the guest keeps by them, its time of day among them. Its
   * timers that would have been due are due at once.
   */
  REALTIME;

  private static final Duration TENTH = Duration.ofMillis(100);

  /** How much time is to have passed for the guest of a snapshot; never less than none. */
  public Duration passed(Snapshot snapshot, InstantSource hostClock) {
    Duration passed = Duration.between(snapshot.taken(), hostClock.instant());
    if (passed.isNegative()) {
      return Duration.ZERO;
    }
    return this == SAVED && passed.compareTo(TENTH) > 0 ? TENTH : passed;
  }
}
