package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ByteRingTest {
  private static final int PAGE = 4096;

  private final ByteRing ring = new ByteRing(2 * PAGE, new BufferBudget(4 * PAGE), () -> {});

  private static byte[] numbered(int from, int to) {
    byte[] bytes = new byte[to - from];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) ((from + i) % 251);
    }
    return bytes;
  }

  /** Up to the end of the memory, one byte beyond it, and until the ring is full. */
  @ParameterizedTest
  @ValueSource(ints = {100, 101, 4095})
  void append_aroundTheEnd_keepsTheOrder(int count) {
    ring.append(numbered(0, PAGE - 100));
    ring.drop(PAGE - 101);

    ring.append(numbered(PAGE - 100, PAGE - 100 + count));

    assertArrayEquals(numbered(PAGE - 101, PAGE - 100 + count), ring.toByteArray());
  }

  @Test
  void append_beyondTheLimit_growsAndKeepsTheOrder() {
    ring.append(numbered(0, PAGE));
    ring.drop(PAGE / 2);

    ring.append(numbered(PAGE, 4 * PAGE));

    assertArrayEquals(numbered(PAGE / 2, 4 * PAGE), ring.toByteArray());
  }

  @Test
  void append_ofNothing_changesNothing() {
    ring.append(new byte[0]);
    assertEquals(0, ring.size());
    ring.append(numbered(0, 10));
    ring.append(new byte[0]);
    assertArrayEquals(numbered(0, 10), ring.toByteArray());
  }
}
