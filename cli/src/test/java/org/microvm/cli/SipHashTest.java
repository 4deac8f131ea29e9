package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import org.junit.jupiter.api.Test;

class SipHashTest {
  private static byte[] counting(int length) {
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; i++) {
      bytes[i] = (byte) i;
    }
    return bytes;
  }

  /** The example in appendix A of the paper. */
  @Test
  void exampleOfThePaper_hasItsCode() {
    assertEquals(0xa129ca6149be45e5L, SipHash.of(counting(16), counting(15)));
  }

  @Test
  void wholeWords_andTheEmptyMessage_haveCodesOfTheirOwn() {
    long empty = SipHash.of(counting(16), new byte[0]);

    assertEquals(0x726fdb47dd0e0e31L, empty);
    assertNotEquals(empty, SipHash.of(counting(16), new byte[8]));
    assertNotEquals(empty, SipHash.of(new byte[16], new byte[0]));
  }
}
