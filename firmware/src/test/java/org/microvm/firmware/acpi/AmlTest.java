package org.microvm.firmware.acpi;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The encodings of ACPI 6.5, section 20.2. */
class AmlTest {
  @ParameterizedTest
  @CsvSource({
    "0, 00",
    "1, 01",
    "2, 0a02",
    "255, 0aff",
    "256, 0b0001",
    "65535, 0bffff",
    "65536, 0c00000100",
    "-1, 0cffffffff"
  })
  void integer_value_takesTheShortestEncoding(int value, String bytes) {
    assertEquals(bytes, hex(Aml.integer(value)));
  }

  @ParameterizedTest
  @CsvSource({"PNP0501, 0c41d00501", "PNP0B00, 0c41d00b00", "PNP0C0C, 0c41d00c0c"})
  void eisaId_id_isCompressed(String id, String bytes) {
    assertEquals(bytes, hex(Aml.eisaId(id)));
  }

  @ParameterizedTest
  @CsvSource({"1, 110301", "59, 113e0a3b", "60, 113f0a3c", "61, 1141040a3d", "255, 1143100aff"})
  void buffer_length_countsThePackageLengthItself(int size, String start) {
    assertEquals(start, hex(Aml.buffer(new byte[size])).substring(0, start.length()));
  }

  @Test
  void buffer_ofMoreThanTwelveBits_hasAPackageLengthOfThreeBytes() {
    byte[] buffer = Aml.buffer(new byte[5000]);

    // 5006 = 0x138e: three bytes of the length itself, three of the size, and 5000.
    assertEquals("118e3801" + "0b8813", hex(buffer).substring(0, 14));
    assertEquals(1 + 5006, buffer.length);
  }

  @Test
  void nameSegment_shortName_isFilled() {
    assertArrayEquals(new byte[] {'_', 'S', 'B', '_'}, Aml.nameSegment("_SB"));
  }

  @Test
  void device_terms_followItsName() {
    byte[] device = Aml.device("PWRB", Aml.name("_UID", Aml.integer(0)));

    assertArrayEquals(HexFormat.of().parseHex("5b820b50575242085f55494400"), device);
  }

  private static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }
}
