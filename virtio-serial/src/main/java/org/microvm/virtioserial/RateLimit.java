package org.microvm.virtioserial;

/**
 * The rate limit of a port, for each direction separately: a token bucket for bytes and one for
 * buffers. A transfer needs tokens of both.
 *
 * <p>A bucket holds the amount for a tenth of a second, and at least {@value #MIN_BURST_BYTES}
 * bytes or one buffer: that much may pass at once after an idle time. A port whose bucket is empty
 * waits until it is half full again, so it wakes up at most 20 times a second. Meanwhile the sender
 * is held back as by a slow receiver, and no data is lost.
 *
 * <p>Limits apply to bytes and buffers that leave or enter the guest's queues. Dropped bytes are
 * not counted, only their buffers.
 *
 * @param bytesPerSecond most bytes a second, 0 for no limit
 * @param buffersPerSecond most buffers a second, 0 for no limit
 */
public record RateLimit(int bytesPerSecond, int buffersPerSecond) {
  /** The smallest capacity of a byte bucket. */
  public static final int MIN_BURST_BYTES = 512;

  /** No limit. */
  public static final RateLimit NONE = new RateLimit(0, 0);

  /** Checks that neither rate is negative. */
  public RateLimit {
    check("bps", bytesPerSecond);
    check("ops", buffersPerSecond);
  }

  /** {@return the capacity of the byte bucket in bytes} */
  public long burstBytes() {
    return Math.max(MIN_BURST_BYTES, bytesPerSecond / 10);
  }

  /** {@return the capacity of the buffer bucket in buffers} */
  public long burstBuffers() {
    return Math.max(1, buffersPerSecond / 10);
  }

  private static void check(String what, int rate) {
    if (rate < 0) {
      throw new IllegalArgumentException(
          "%s=%d is negative; accepted are 0 (no limit) and above".formatted(what, rate));
    }
  }
}
