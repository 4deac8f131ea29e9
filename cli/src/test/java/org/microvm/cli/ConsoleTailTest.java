package org.microvm.cli;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import org.junit.jupiter.api.Test;

class ConsoleTailTest {
  private static String tailOf(String text) throws IOException {
    ConsoleTail tail = new ConsoleTail();
    tail.write(text.getBytes(US_ASCII));
    ByteArrayOutputStream kept = new ByteArrayOutputStream();
    tail.copyTo(kept);
    return kept.toString(US_ASCII);
  }

  @Test
  void shortOutput_isKeptWhole() throws IOException {
    assertEquals("GUEST READY\n", tailOf("GUEST READY\n"));
  }

  @Test
  void longOutput_losesItsBeginning() throws IOException {
    String last = "0123456789abcdef".repeat(512);

    assertEquals(last, tailOf("x".repeat(10_001) + last));
  }
}
