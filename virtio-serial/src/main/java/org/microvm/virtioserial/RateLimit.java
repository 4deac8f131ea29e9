package org.microvm.virtioserial;

/**
 * How fast a port may be, each way by itself: a token bucket for bytes and one for buffers, of
 * which the emptier one counts.
 *
 * <p>A bucket holds a tenth of a second's worth, and at least {@value #LEAST_BURST_BYTES} bytes or
 * one buffer: that much may pass at once after a rest. A port whose bucket is empty rests until it
 * is half full again, so it is woken 20 times a second at most, and the sender is held back
 * meanwhile as by a slow receiver: nothing is lost.
 *
 * <p>Counted is what leaves or enters the guest's buffers. Bytes that are dropped cost no bytes,
 * only their buffer.
 *
 * @param bytesPerSecond 0 for no limit
 * @param buffersPerSecond 0 for no limit
 */
public record RateLimit(int bytesPerSecond, int buffersPerSecond) {
  /** Bytes that a bucket holds at least. */
  public static final int LEAST_BURST_BYTES = 512;

  /** As fast as it goes. */
  public static final RateLimit NONE = new RateLimit(0, 0);

  /** Checks that nothing is negative. */
  public RateLimit {
    check("bps", bytesPerSecond);
    check("ops", buffersPerSecond);
  }

  /** Bytes that may pass at once after a rest. */
  public long burstBytes() {
    return Math.max(LEAST_BURST_BYTES, bytesPerSecond / 10);
  }

  /** Buffers that may pass at once after a rest. */
  public long burstBuffers() {
    return Math.max(1, buffersPerSecond / 10);
  }

  private static void check(String what, int rate) {
    if (rate < 0) {
      throw new IllegalArgumentException("%s=%d is negative".formatted(what, rate));
    }
  }
}
