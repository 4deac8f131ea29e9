package org.microvm.syscall;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Test;

class CompareExchange16Test {
  private static final int ROUNDS = 100_000;

  private final MemorySegment memory = Arena.ofAuto().allocate(16, 16);

  private void put(long low, long high) {
    memory.setAtIndex(ValueLayout.JAVA_LONG, 0, low);
    memory.setAtIndex(ValueLayout.JAVA_LONG, 1, high);
  }

  private long[] get() {
    return memory.toArray(ValueLayout.JAVA_LONG);
  }

  @Test
  void equal_isReplaced() {
    put(1, 2);

    assertTrue(CompareExchange16.run(memory, new long[] {1, 2}, 3, 4));

    assertArrayEquals(new long[] {3, 4}, get());
  }

  @Test
  void different_isReturned() {
    put(1, 2);
    long[] expected = {1, 3};

    assertFalse(CompareExchange16.run(memory, expected, 3, 4));

    assertArrayEquals(new long[] {1, 2}, expected);
    assertArrayEquals(new long[] {1, 2}, get());
  }

  @Test
  void misaligned_isRefused() {
    MemorySegment odd = Arena.ofAuto().allocate(32, 16).asSlice(8, 16);

    assertThrows(
        IllegalArgumentException.class, () -> CompareExchange16.run(odd, new long[] {0, 0}, 1, 1));
  }

  @Test
  void twoThreads_loseNoIncrement() throws Exception {
    FutureTask<Void> other = new FutureTask<>(this::increment, null);
    Thread.ofPlatform().start(other);
    increment();
    other.get();

    assertArrayEquals(new long[] {2 * ROUNDS, -2 * ROUNDS}, get());
    assertEquals(0, get()[0] + get()[1]);
  }

  /** Increments the low half and decrements the high half. */
  private void increment() {
    long[] seen = {0, 0};
    for (int done = 0; done < ROUNDS; ) {
      done += CompareExchange16.run(memory, seen, seen[0] + 1, seen[1] - 1) ? 1 : 0;
    }
  }
}
