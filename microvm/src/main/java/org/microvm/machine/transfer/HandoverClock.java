package org.microvm.machine.transfer;

import java.time.Duration;

/** Measures the steps of a handover, one after the other; the first begins at construction. */
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
