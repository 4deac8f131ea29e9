package org.microvm.machine.transfer;

import java.time.Duration;

/** Takes the times of a handover, one after the other; it begins with its making. */
final class HandoverClock {
  private long last = System.nanoTime();

  /** Since the last call, or since the beginning. */
  Duration lap() {
    long now = System.nanoTime();
    Duration lap = Duration.ofNanos(now - last);
    last = now;
    return lap;
  }
}
