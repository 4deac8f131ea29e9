package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ByteSizeTest {
  @ParameterizedTest
  @CsvSource({"128M,134217728", "2G,2147483648", "64,67108864", "4096k,4194304", "1MB,1048576"})
  void parse_sizes(String text, long bytes) {
    assertEquals(bytes, ByteSize.parse("--memory", text, 1 << 20));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "M", "-1M", "+1M", "1.5G", "1X", "9999999999T", "1 M", "0x10"})
  void parse_noSize_isRefused(String text) {
    assertThrows(UsageException.class, () -> ByteSize.parse("--memory", text, 1 << 20));
  }
}
