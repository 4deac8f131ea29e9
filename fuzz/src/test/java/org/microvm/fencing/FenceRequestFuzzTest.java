package org.microvm.fencing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What a guest writes to its console for fence_virt. */
class FenceRequestFuzzTest {
  /** Room for a request that has begun before, which the bytes of the next one may complete. */
  private static final int MORE = 2;

  /** Several requests; of what came before, the parser knows the last one at most. */
  private static final int LONGEST = 8 * RequestParser.BYTES;

  /** The first byte says how many bytes come at a time: the requests found are the same. */
  @FuzzTest
  void stream_anyBytes_hasTheSameRequestsInAnyPieces(byte[] bytes) {
    if (bytes.length < 2) {
      return;
    }
    byte[] input = Arrays.copyOf(bytes, Math.min(bytes.length, LONGEST));
    int piece = 1 + (input[0] & 0x7f);
    List<FenceRequest> whole = requests(input, input.length);
    assertEquals(whole, requests(input, piece));
    for (FenceRequest request : whole) {
      assertTrue(request.machine().matches("[!-~]{0,63}"), request::toString);
    }
    byte[] then = new byte[MORE * RequestParser.BYTES + input.length];
    System.arraycopy(input, 0, then, 0, input.length);
    byte[] good = {'b'};
    for (int i = 0; i < MORE; i++) {
      ByteBuffer.wrap(then, input.length + i * RequestParser.BYTES, RequestParser.BYTES)
          .put(RequestParser.MAGIC)
          .put((byte) FenceAction.STATUS.code())
          .put((byte) 0)
          .put(good);
    }
    List<FenceRequest> found = requests(then, piece);
    // However the bytes before ended, a client that asks again is heard.
    assertEquals(
        new FenceRequest(FenceAction.STATUS, "b", 0), found.isEmpty() ? null : found.getLast());
  }

  private static List<FenceRequest> requests(byte[] input, int piece) {
    RequestParser parser = new RequestParser();
    List<FenceRequest> found = new ArrayList<>();
    for (int start = 1; start < input.length; start += piece) {
      ByteBuffer bytes = ByteBuffer.wrap(input, start, Math.min(piece, input.length - start));
      for (FenceRequest r = parser.next(bytes, 0); r != null; r = parser.next(bytes, 0)) {
        found.add(r);
      }
    }
    return found;
  }
}
