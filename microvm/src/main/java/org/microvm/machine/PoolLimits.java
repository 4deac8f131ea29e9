package org.microvm.machine;

import org.microvm.machine.config.MachineException;

/**
 * The limits of a {@link GuestPool}.
 *
 * @param ready how many guests are kept ready to be taken
 * @param maxGuests most guests that exist at a time, those that were taken and are not closed
 *     included
 * @param guestBytes RAM of each guest in bytes, as in its configuration
 * @param maxBytes most RAM of all guests together, in bytes; guests that share a snapshot's pages
 *     use less of the host
 */
public record PoolLimits(int ready, int maxGuests, long guestBytes, long maxBytes) {
  /**
   * Checks the limits.
   *
   * @throws IllegalArgumentException if a limit is not positive, or the guests to be kept ready
   *     exceed one of the others
   */
  public PoolLimits {
    if (ready < 1) {
      throw new IllegalArgumentException(
          "a pool keeps at least 1 guest ready, not %d".formatted(ready));
    }
    if (guestBytes < 1) {
      throw new IllegalArgumentException(
          "a guest has at least 1 byte of memory, not %d".formatted(guestBytes));
    }
    if (ready > maxGuests) {
      throw new IllegalArgumentException(
          "ready=%d exceeds maxGuests=%d".formatted(ready, maxGuests));
    }
    if (ready > maxBytes / guestBytes) {
      throw new IllegalArgumentException(
          "ready=%d guests of %d bytes exceed the limit of %d bytes for all guests"
              .formatted(ready, guestBytes, maxBytes));
    }
  }

  /**
   * Limits only the number of guests.
   *
   * @param ready as in {@link PoolLimits}
   * @param maxGuests as in {@link PoolLimits}
   * @return the limits
   */
  public static PoolLimits ofGuests(int ready, int maxGuests) {
    return new PoolLimits(ready, maxGuests, 1, Long.MAX_VALUE);
  }

  /** {@return how many guests may exist at a time} */
  public int capacity() {
    return (int) Math.min(maxGuests, maxBytes / guestBytes);
  }

  /** Returns why there is no further guest when this many exist. */
  MachineException refusal() {
    boolean byNumber = maxGuests <= maxBytes / guestBytes;
    return new MachineException(
        byNumber
            ? "the pool has reached its limit of %d guests; close a guest that was taken"
                .formatted(maxGuests)
            : "the pool's %d guests of %d bytes have reached its limit of %d bytes; close a guest that"
                    .formatted(capacity(), guestBytes, maxBytes)
                + " was taken");
  }
}
