package org.microvm.firmware.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class Lz4Test {
  private static final String MAGIC = "02214c18";

  @Test
  void unpack_literals_areCopied() throws Exception {
    assertArrayEquals(hex("616263"), unpack(MAGIC + "04000000" + "30616263", 3));
  }

  @Test
  void unpack_matchThatOverlapsItself_repeats() throws Exception {
    // "ab", then a match of 9 bytes at distance 2, then "z".
    assertArrayEquals(
        "ababababababz".substring(0, 11).concat("z").getBytes(),
        unpack(MAGIC + "07000000" + "25616202001" + "07a", 12));
  }

  @Test
  void unpack_longLengths_continueInFurtherBytes() throws Exception {
    // "a", then a match of 4 + 15 + 255 + 1 bytes at distance 1, then no literals.
    assertArrayEquals(
        "a".repeat(276).getBytes(), unpack(MAGIC + "07000000" + "1f610100ff01" + "00", 276));
  }

  @Test
  void unpack_secondFrame_isAppended() throws Exception {
    String frame = MAGIC + "02000000" + "1061";

    assertArrayEquals(hex("6161"), unpack(frame + frame, 2));
  }

  @ParameterizedTest
  @CsvSource({
    "05000000 1061, an lz4 block ends beyond the payload",
    "ffffffff 1061, an lz4 block ends beyond the payload",
    "02000000 2061, an lz4 literal ends beyond its block or the stated size",
    "06000000 506162636465, an lz4 literal ends beyond its block or the stated size",
    "03000000 106101, an lz4 match ends beyond its block",
    "04000000 10610000, an lz4 match points outside the unpacked data",
    "04000000 10610200, an lz4 match points outside the unpacked data",
    "04000000 11610100, an lz4 match points outside the unpacked data",
    "01000000 f0, an lz4 length ends beyond its block",
    "03000000 f0ffff, an lz4 length ends beyond its block",
    "02000000 1061 04000000 00010000, an lz4 match points outside the unpacked data",
  })
  void unpack_damaged_isRefused(String blocks, String message) {
    String packed = MAGIC + blocks.replace(" ", "");

    var failure = assertThrows(IOException.class, () -> unpack(packed, 4));

    assertEquals(message, failure.getMessage());
  }

  private static byte[] unpack(String packed, int size) throws IOException {
    byte[] unpacked = new byte[size];
    Lz4.unpack(ByteBuffer.wrap(hex(packed)), ByteBuffer.wrap(unpacked));
    return unpacked;
  }

  private static byte[] hex(String digits) {
    return HexFormat.of().parseHex(digits);
  }
}
