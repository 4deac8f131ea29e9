package org.microvm.machine.transfer;

import java.time.Duration;

/** Measures consecutive steps of a handover; the first starts at construction. */
final class HandoverClock {
  private long last = System.nanoTime();

  /** The time since the last call, or since construction. */
  Duration lap() {
    long now = System.nanoTime();
    Duration lap = Duration.ofNanos(now - last);
    last = now;
    return lap;
  }
}
