package org.microvm.fencing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Requests in a stream of a guest that may write anything. */
class RequestParserTest {
  private static final FenceRequest OFF_B = new FenceRequest(FenceAction.OFF, "b", 123456);

  private final RequestParser parser = new RequestParser();

  private FenceRequest parse(byte[]... pieces) {
    FenceRequest found = null;
    for (byte[] piece : pieces) {
      FenceRequest request = parser.next(ByteBuffer.wrap(piece), 0);
      found = request == null ? found : request;
    }
    return found;
  }

  private static byte[] offB() {
    return Requests.of(FenceAction.OFF, "b").array();
  }

  @Test
  void request_asXvmHDefinesIt_isRead() {
    // 61626261, FENCE_STATUS, no flags, "node2", 58 zeros more, 0x000f1206.
    String hex = "61626261" + "04" + "00" + "6e6f646532" + "00".repeat(59) + "06120f00";

    assertEquals(
        new FenceRequest(FenceAction.STATUS, "node2", 0x000f1206),
        parse(HexFormat.of().parseHex(hex)));
  }

  @Test
  void request_inSingleBytes_isRead() {
    FenceRequest found = null;
    for (byte b : offB()) {
      assertNull(found);
      found = parse(new byte[] {b});
    }
    assertEquals(OFF_B, found);
  }

  @Test
  void twoRequests_inOnePiece_areReadInTurn() {
    ByteBuffer both = ByteBuffer.allocate(148).put(offB()).put(offB()).flip();

    assertEquals(OFF_B, parser.next(both, 0));
    assertEquals(OFF_B, parser.next(both, 0));
    assertNull(parser.next(both, 0));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "Debian GNU/Linux 12 agents hvc0\r\n\r\nlogin: ",
        "a",
        "ab",
        "abb",
        "abba",
        "abbaabba",
        "abbaabbabbaabb",
        // What a terminal echoes of an answer.
        "abba\0",
        "abba^@",
        "abba\1\0b"
      })
  void bytesBeforeARequest_areSkipped(String junk) {
    assertEquals(OFF_B, parse(junk.getBytes(StandardCharsets.ISO_8859_1), offB()));
  }

  @Test
  void nameThatLooksLikeTheBeginning_isAName() {
    assertEquals(
        new FenceRequest(FenceAction.ON, "abbaabba", 123456),
        parse(Requests.of(FenceAction.ON, "abbaabba").array()));
  }

  @Test
  void unknownAction_isReadAsUnknown() {
    assertEquals(
        new FenceRequest(FenceAction.UNKNOWN, "b", 123456),
        parse(Requests.of(255, 0, new byte[] {'b'}).array()));
  }

  @Test
  void requestWithFlags_isSkipped() {
    assertNull(parse(Requests.of(1, 1, new byte[] {'b'}).array()));
  }

  @Test
  void nameWithoutEnd_isSkipped() {
    byte[] name = new byte[64];
    Arrays.fill(name, (byte) 'x');

    assertNull(parse(Requests.of(1, 0, name).array()));
    assertEquals(OFF_B, parse(offB()));
  }

  @ParameterizedTest
  @ValueSource(strings = {"a b", "a\nb", "\u001b[2J", "\u00e9", "a\0b"})
  void nameWithOtherBytes_isSkipped(String name) {
    assertNull(parse(Requests.of(FenceAction.OFF, name).array()));
  }

  @Test
  void requestWithoutItsEnd_isForgottenAfterASecond() {
    byte[] begun = Arrays.copyOf(offB(), 70);
    assertNull(parser.next(ByteBuffer.wrap(begun), 0));

    ByteBuffer next = Requests.of(FenceAction.STATUS, "c");

    assertEquals(
        new FenceRequest(FenceAction.STATUS, "c", 123456),
        parser.next(next, TimeUnit.MILLISECONDS.toNanos(1001)));
  }

  @Test
  void requestCutOff_doesNotHideTheNextOne() {
    assertEquals(OFF_B, parse(Arrays.copyOf(offB(), 40), offB()));
  }
}
