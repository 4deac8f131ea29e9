package org.microvm.virtioserial.options;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NearestWordTest {
  private static final List<String> KNOWN = List.of("socket", "file", "pipe", "pty", "stdio");

  @ParameterizedTest
  @CsvSource({
    "soket, socket",
    "sockets, socket",
    "scoket, socket",
    "SOCKET, socket",
    "fiel, file",
    "pyt, pty",
    "sdtio, stdio",
    "chair,",
    "so,",
    "socketsss,",
    "x,"
  })
  void of_findsTheWordThatDiffersByAThirdAtMost(String word, String nearest) {
    assertEquals(Optional.ofNullable(nearest), NearestWord.of(word, KNOWN));
  }

  /** A client of a control socket may send a word of a mebibyte, and there are many known words. */
  @Test
  void of_aWordOfMegabytes_needsNoMemoryForIt() {
    assertEquals(Optional.empty(), NearestWord.of("x".repeat(50_000_000), KNOWN));
  }
}
