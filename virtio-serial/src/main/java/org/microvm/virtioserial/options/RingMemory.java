package org.microvm.virtioserial.options;

import java.util.Collection;

/** The memory of the chardevs that keep bytes in memory ({@code ringbuf}). */
public final class RingMemory {
  /** The maximum number of bytes that the ring buffers of one machine keep together. */
  public static final long MAX_BYTES = 32L << 20;

  private RingMemory() {}

  /**
   * Checks that a machine may have another chardev.
   *
   * @param present the chardevs that it has
   * @param next the further one
   * @throws OptionException if they would keep more than {@link #MAX_BYTES}
   */
  public static void check(Collection<ChardevSpec> present, ChardevSpec next)
      throws OptionException {
    long own = bytes(next);
    long all = own + present.stream().mapToLong(RingMemory::bytes).sum();
    if (own > 0 && all > MAX_BYTES) {
      throw new OptionException(
          "the ringbuf chardevs would keep %d bytes; accepted are at most %d for all together"
              .formatted(all, MAX_BYTES));
    }
  }

  private static long bytes(ChardevSpec chardev) {
    return chardev.plain() instanceof ChardevSpec.Ring ring ? ring.buffer().size() : 0;
  }
}
