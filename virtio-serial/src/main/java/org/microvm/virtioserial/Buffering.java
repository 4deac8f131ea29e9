package org.microvm.virtioserial;

/**
 * The bytes that the VMM itself keeps for a side that is not connected; see {@link PortConfig}.
 *
 * @param cacheBuffers whether bytes are kept at all while the other side is not connected
 * @param byteLimit most bytes from the guest, 0 to {@value #MAX_LIMIT}
 * @param guestByteLimit most bytes from the host, 0 to {@value #MAX_LIMIT}
 */
public record Buffering(boolean cacheBuffers, int byteLimit, int guestByteLimit) {
  /** The default of both limits: 1 MiB. */
  public static final int DEFAULT_LIMIT = 1 << 20;

  /** The largest limit, which is also the most that all ports of a device keep together: 64 MiB. */
  public static final int MAX_LIMIT = 64 << 20;

  /** Bytes are kept, up to the default limits. */
  public static final Buffering DEFAULT = new Buffering(true, DEFAULT_LIMIT, DEFAULT_LIMIT);

  /** Checks the limits. */
  public Buffering {
    checkLimit("byte_limit", byteLimit);
    checkLimit("guest_byte_limit", guestByteLimit);
  }

  private static void checkLimit(String what, int bytes) {
    if (bytes < 0 || bytes > MAX_LIMIT) {
      throw new IllegalArgumentException(
          "%s=%d is out of range; accepted are 0 to %d".formatted(what, bytes, MAX_LIMIT));
    }
  }
}
