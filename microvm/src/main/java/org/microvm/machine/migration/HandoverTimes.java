package org.microvm.machine.migration;

import java.time.Duration;

/**
 * The parts of a live migration's downtime, measured by the source's clock.
 *
 * @param stop to stop vCPUs and devices
 * @param memory to send the remaining pages
 * @param state to save and send the connections and the state
 * @param load until the destination has loaded everything
 * @param start until the destination reports that the guest runs
 */
public record HandoverTimes(
    Duration stop, Duration memory, Duration state, Duration load, Duration start) {
  /** All times zero: there was no handover yet. */
  public static final HandoverTimes NONE =
      new HandoverTimes(Duration.ZERO, Duration.ZERO, Duration.ZERO, Duration.ZERO, Duration.ZERO);

  /** {@return the downtime: the sum of all parts} */
  public Duration total() {
    return stop.plus(memory).plus(state).plus(load).plus(start);
  }
}
