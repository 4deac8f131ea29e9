package org.microvm.machine.board;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ConsoleOutputTest {
  @Test
  void close_writesOutWhatWasPut() {
    byte[] sent = new byte[100_000];
    new Random(1).nextBytes(sent);
    ByteArrayOutputStream seen = new ByteArrayOutputStream();
    ConsoleOutput output = new ConsoleOutput(seen);

    IntStream.range(0, sent.length).forEach(i -> output.write(sent[i]));
    output.close();

    assertArrayEquals(sent, seen.toByteArray());
    assertEquals(0, output.dropped());
  }

  @Test
  void put_readerThatStandsStill_dropsTheOldestAndCounts() throws Exception {
    try (PipedInputStream unread = new PipedInputStream(16);
        PipedOutputStream pipe = new PipedOutputStream(unread)) {
      ConsoleOutput output = new ConsoleOutput(pipe);

      IntStream.range(0, 1 << 20).forEach(i -> output.write((byte) i));

      assertTrue(output.dropped() >= (1 << 20) - (256 << 10) - 8192 - 16);
    }
  }

  @Test
  void firstByteNanos_isSetOnce() {
    ConsoleOutput output = new ConsoleOutput(new ByteArrayOutputStream());
    assertEquals(0, output.firstByteNanos());

    output.write((byte) 'a');
    long first = output.firstByteNanos();
    output.write((byte) 'b');

    assertEquals(first, output.firstByteNanos());
    output.close();
  }
}
