package org.microvm.fencing;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Encodes answers: {@code serial_resp_t} and {@code host_state_t} of xvm.h. */
final class Replies {
  /** {@code RESP_HOSTLIST}: entries of {@link #ENTRY_BYTES} follow, and one of zeros at the end. */
  static final int LIST = 253;

  /** Name, UUID, state and a byte of padding. */
  static final int ENTRY_BYTES = 2 * RequestParser.NAME_BYTES + 2;

  /** Machines have no UUID; a client shows this text in its place. */
  private static final byte[] NO_UUID =
      "00000000-0000-0000-0000-000000000000".getBytes(StandardCharsets.US_ASCII);

  private Replies() {}

  /** A machine of a list. */
  record Entry(String machine, boolean on) {}

  static ByteBuffer of(FenceResult result) {
    return answer(result.code(), 0).flip();
  }

  /**
   * Encodes a list. fence_virtd also sends a {@code serial_resp_t} after the list. It is left out
   * here, because the serial client does not read it, and the client of the next request would read
   * it as the answer to that request.
   */
  static ByteBuffer list(List<Entry> entries) {
    ByteBuffer answer = answer(LIST, (entries.size() + 1) * ENTRY_BYTES);
    for (Entry entry : entries) {
      byte[] name = entry.machine().getBytes(StandardCharsets.US_ASCII);
      int start = answer.position();
      answer.put(start, name, 0, Math.min(name.length, RequestParser.NAME_BYTES - 1));
      answer.put(start + RequestParser.NAME_BYTES, NO_UUID);
      answer.put(start + 2 * RequestParser.NAME_BYTES, (byte) (entry.on() ? 1 : 0));
      answer.position(start + ENTRY_BYTES);
    }
    return answer.position(answer.capacity()).flip();
  }

  private static ByteBuffer answer(int code, int more) {
    return ByteBuffer.allocate(RequestParser.MAGIC.length + 1 + more)
        .put(RequestParser.MAGIC)
        .put((byte) code);
  }
}
