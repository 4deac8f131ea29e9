package org.microvm.machine;

import java.time.Duration;
import java.time.InstantSource;

/** What the clocks of a restored guest show when it goes on. */
public enum RestoreClock {
  /** They go on from where they were: no time has passed for the guest. */
  SAVED,

  /**
   * They have run on meanwhile, by the host's real-time clock: time stamp counter and kvmclock are
   * set ahead, and so are all clocks that the guest keeps by them, its time of day among them. Its
   * timers that would have been due are due at once.
   */
  REALTIME;

  /** How much time is to have passed for the guest of a snapshot; never less than none. */
  Duration passed(Snapshot snapshot, InstantSource hostClock) {
    if (this == SAVED) {
      return Duration.ZERO;
    }
    Duration passed = Duration.between(snapshot.taken(), hostClock.instant());
    return passed.isNegative() ? Duration.ZERO : passed;
  }
}
