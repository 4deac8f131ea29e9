package org.microvm.virtioserial;

/**
 * What the VMM itself keeps for a side that is away; see {@link PortConfig} for when.
 *
 * @param cacheBuffers whether bytes are kept at all while the other side is away
 * @param byteLimit most bytes from the guest, from 0 on
 * @param guestByteLimit most bytes from the host, from 0 on
 */
public record Buffering(boolean cacheBuffers, int byteLimit, int guestByteLimit) {
  /** Default of both limits: 1 MiB. */
  public static final int DEFAULT_LIMIT = 1 << 20;

  /** The largest limit, so that a slip of the pen does not take all memory: 1 GiB. */
  public static final int MAX_LIMIT = 1 << 30;

  /** Kept, and as many bytes as is usual. */
  public static final Buffering DEFAULT = new Buffering(true, DEFAULT_LIMIT, DEFAULT_LIMIT);

  /** Checks the limits. */
  public Buffering {
    checkLimit("byte_limit", byteLimit);
    checkLimit("guest_byte_limit", guestByteLimit);
  }

  private static void checkLimit(String what, int bytes) {
    if (bytes < 0 || bytes > MAX_LIMIT) {
      throw new IllegalArgumentException(
          "%s=%d is not from 0 to %d".formatted(what, bytes, MAX_LIMIT));
    }
  }
}
