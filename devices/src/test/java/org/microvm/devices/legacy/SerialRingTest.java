package org.microvm.devices.legacy;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SerialRingTest {
  private final AtomicInteger wakes = new AtomicInteger();
  private final SerialRing ring = new SerialRing(4, wakes::incrementAndGet);

  @Test
  void drain_givesTheBytesInOrder() {
    write("abc");

    assertEquals("abc", drain(10));
    assertEquals("", drain(10));
  }

  @Test
  void drain_smallTargetLeavesTheRest() {
    write("abc");

    assertEquals("ab", drain(2));
    assertEquals(1, ring.size());
    assertEquals("c", drain(2));
  }

  @Test
  void write_overflowDropsTheOldestAndCounts() {
    write("abcd");
    ring.write((byte) 'e');
    ring.write((byte) 'f');

    assertEquals("cdef", drain(10));
    assertEquals(2, ring.dropped());
  }

  @Test
  void write_moreThanTheCapacityKeepsTheEnd() {
    write("abcdefghij");

    assertEquals("ghij", drain(10));
    assertEquals(6, ring.dropped());
  }

  @Test
  void write_wrapsAround() {
    write("abc");
    drain(3);
    write("defg");

    assertEquals("defg", drain(10));
    assertEquals(0, ring.dropped());
  }

  @Test
  void write_ringThatHasWrapped_growsUpToItsCapacity() {
    SerialRing large = new SerialRing(2500, () -> {});
    put(large, 0, 1000);
    large.drain(MemorySegment.ofArray(new byte[900]));
    put(large, 1000, 2600);

    byte[] kept = new byte[3000];
    assertEquals(2500, large.drain(MemorySegment.ofArray(kept)));
    assertEquals(200, large.dropped());
    byte[] expected = new byte[3000];
    IntStream.range(0, 2500).forEach(i -> expected[i] = (byte) (1100 + i));
    assertArrayEquals(expected, kept);
  }

  @Test
  void wake_comesOnlyWhenTheRingStopsBeingEmpty() {
    ring.write((byte) 'a');
    write("bc");
    ring.write((byte) 'd');
    assertEquals(1, wakes.get());

    drain(4);
    write("e");

    assertEquals(2, wakes.get());
  }

  @Test
  void capacity_zeroIsRefused() {
    assertThrows(IllegalArgumentException.class, () -> new SerialRing(0, () -> {}));
  }

  /** Writes bytes that count. */
  private static void put(SerialRing ring, int from, int count) {
    IntStream.range(from, from + count).forEach(i -> ring.write((byte) i));
  }

  private void write(String text) {
    ring.write(MemorySegment.ofArray(text.getBytes(US_ASCII)), 0, text.length());
  }

  private String drain(int most) {
    byte[] target = new byte[most];
    int length = ring.drain(MemorySegment.ofArray(target));
    return new String(target, 0, length, US_ASCII);
  }
}
