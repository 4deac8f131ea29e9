package org.microvm.machine.migration;

import java.time.Duration;

/**
 * What a live migration does while the guest stands still, and for how long; by the source's clock.
 *
 * @param stop until vCPUs and devices stand still
 * @param memory to send the pages that were written last
 * @param state to save and send the connections and the state
 * @param load until the destination has taken all of it up
 * @param start until the destination says that the guest runs
 */
public record HandoverTimes(
    Duration stop, Duration memory, Duration state, Duration load, Duration start) {
  /** Before it, or without it. */
  public static final HandoverTimes NONE =
      new HandoverTimes(Duration.ZERO, Duration.ZERO, Duration.ZERO, Duration.ZERO, Duration.ZERO);

  /** All of it: the downtime. */
  public Duration total() {
    return stop.plus(memory).plus(state).plus(load).plus(start);
  }
}
