package org.microvm.machine.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the checker of the soak's streams accepts and what it refuses. */
class StreamCheckerTest {
  private static final int STREAM = 5;

  private final StreamChecker checker = new StreamChecker(STREAM);

  private void check(byte[] bytes) {
    checker.check(ByteBuffer.wrap(bytes));
  }

  private void checkStream(long position, int length) {
    check(NumberedStream.bytes(STREAM, position, length));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 16, 1000})
  void wholeStream_inPieces_isFine(int piece) {
    for (int at = 0; at < 8000; at += piece) {
      checkStream(at, piece);
    }
    assertTrue(checker.position() >= 8000);
    assertEquals(0, checker.skipped());
  }

  @Test
  void missingBytes_areFound() {
    checkStream(0, 100);
    assertThrows(AssertionError.class, () -> checkStream(101, 100));
  }

  @Test
  void repeatedBytes_areFound() {
    checkStream(0, 96);
    assertThrows(AssertionError.class, () -> checkStream(80, 100));
  }

  @Test
  void otherStream_isFound() {
    assertThrows(AssertionError.class, () -> check(NumberedStream.bytes(STREAM + 1, 0, 16)));
  }

  @ParameterizedTest
  @ValueSource(ints = {100, 101, 111, 112, 5000})
  void allowedSkip_isCounted(int to) {
    checkStream(0, 100);
    checker.allowSkip();
    for (int at = to; at < to + 100; at++) {
      checkStream(at, 1);
    }
    assertEquals(to - 100, checker.skipped());
    assertEquals(to + 100, checker.position());
  }

  @Test
  void allowedSkip_backwards_isFound() {
    checkStream(0, 100);
    checker.allowSkip();
    assertThrows(AssertionError.class, () -> checkStream(64, 100));
  }

  @Test
  void end_atTheRightPlace_ends() {
    checkStream(0, 96);
    check(NumberedStream.end(STREAM, 96));
    assertTrue(checker.ended());
    assertEquals(96, checker.position());
  }

  @Test
  void end_afterASkip_countsWhatIsMissing() {
    checkStream(0, 96);
    checker.allowSkip();
    check(NumberedStream.end(STREAM, 160));
    assertTrue(checker.ended());
    assertEquals(64, checker.skipped());
  }

  @Test
  void end_withBytesMissing_isFound() {
    checkStream(0, 96);
    assertThrows(AssertionError.class, () -> check(NumberedStream.end(STREAM, 112)));
    assertFalse(checker.ended());
  }
}
