package org.microvm.fencing;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Finds the requests in a stream: {@code serial_req_t} of xvm.h, little-endian and packed.
 *
 * <pre>
 *   0  magic     61 62 62 61
 *   4  request   a number of {@link FenceAction}
 *   5  flags     0
 *   6  domain    64 bytes, filled up with zeros
 *  70  seqno     4 bytes
 * </pre>
 *
 * <p>A guest may write anything to its console: a program that opens it echoes input, or a boot
 * message goes there. Bytes that are no request are skipped. A request that is not complete after a
 * second is one that its client did not finish. At most one incomplete request is kept.
 */
final class RequestParser {
  /** The size of a request. */
  static final int BYTES = 74;

  /** {@code SERIAL_MAGIC}; the same in both byte orders. */
  static final byte[] MAGIC = {0x61, 0x62, 0x62, 0x61};

  /** {@code MAX_DOMAINNAME_LENGTH}. */
  static final int NAME_BYTES = 64;

  /** {@code fence_virtd} waits as long for the rest of a request. */
  private static final long COMPLETE_NANOS = 1_000_000_000L;

  private static final int REQUEST = 4;
  private static final int FLAGS = 5;
  private static final int NAME = 6;
  private static final int SEQUENCE = 70;

  private final byte[] kept = new byte[BYTES];
  private int length;
  private long since;

  /** Drops an incomplete request. */
  void reset() {
    length = 0;
  }

  /**
   * Takes the bytes of a buffer up to the end of a request.
   *
   * @param input is read up to there, or to its end
   * @param now the time at which the bytes came, in ns
   * @return the request, or null if the bytes end before one does
   */
  FenceRequest next(ByteBuffer input, long now) {
    if (length > 0 && now - since > COMPLETE_NANOS) {
      length = 0;
    }
    while (input.hasRemaining()) {
      if (length == 0) {
        since = now;
      }
      kept[length++] = input.get();
      resynchronize();
      if (length == BYTES) {
        FenceRequest request = request();
        length = 0;
        return request;
      }
    }
    return null;
  }

  /** Drops bytes at the beginning until what is left can be the beginning of a request. */
  private void resynchronize() {
    if (fits(0, length - 1)) {
      return;
    }
    int start = 1;
    while (!canBegin(start)) {
      start++;
    }
    System.arraycopy(kept, start, kept, 0, length - start);
    length -= start;
  }

  private boolean canBegin(int start) {
    for (int at = 0; start + at < length; at++) {
      if (!fits(start, at)) {
        return false;
      }
    }
    return true;
  }

  /** Whether a request that begins at {@code start} can have its byte {@code at}. */
  private boolean fits(int start, int at) {
    byte b = kept[start + at];
    if (at < MAGIC.length) {
      return b == MAGIC[at];
    }
    if (at == FLAGS) {
      return b == 0;
    }
    if (at < NAME || at >= SEQUENCE) {
      return true;
    }
    // A name is printable ASCII and at least one zero, with nothing but zeros after the first.
    boolean ended = at == SEQUENCE - 1 || at > NAME && kept[start + at - 1] == 0;
    return b == 0 || !ended && b > ' ' && b < 0x7f;
  }

  private FenceRequest request() {
    int end = NAME;
    while (kept[end] != 0) {
      end++;
    }
    return new FenceRequest(
        FenceAction.of(kept[REQUEST] & 0xff),
        new String(Arrays.copyOfRange(kept, NAME, end), StandardCharsets.US_ASCII),
        ByteBuffer.wrap(kept).order(ByteOrder.LITTLE_ENDIAN).getInt(SEQUENCE));
  }
}
