package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.linux.IovecArray;

/** All ports of a device share the memory for the bytes that they keep. */
@Timeout(60)
class BufferBudgetTest {
  private static final int PAGE = 4096;
  private static final int BUDGET = 16 * PAGE;

  @TempDir private Path directory;
  private final BufferBudget budget = new BufferBudget(BUDGET);
  private final List<String> told = new ArrayList<>();

  private ByteRing ring(int limit) {
    return new ByteRing(limit, budget, () -> told.add("room"));
  }

  private static PortConfig limited(PortConfig config) {
    return config.withByteLimit(BUDGET).withGuestByteLimit(BUDGET);
  }

  private static void fill(ByteRing ring, long bytes) {
    IovecArray ranges = new IovecArray(4);
    ring.gatherFree(ranges, bytes);
    ring.commit(ranges.bytes());
  }

  @Test
  void ring_withTheWholeBudget_leavesAPageToOthers() {
    ByteRing greedy = ring(1 << 20);
    ByteRing other = ring(1 << 20);

    fill(greedy, Long.MAX_VALUE);
    fill(other, Long.MAX_VALUE);

    assertEquals(BUDGET, greedy.size());
    assertEquals(PAGE, other.size());
    assertTrue(greedy.isFull());
    assertTrue(other.isFull());
  }

  @Test
  void ring_thatIsEmptied_notifiesThoseThatWait() {
    ByteRing greedy = ring(1 << 20);
    ByteRing other = ring(1 << 20);
    fill(greedy, Long.MAX_VALUE);
    fill(other, Long.MAX_VALUE);
    assertTrue(other.isFull());

    greedy.drop(BUDGET - 1);
    assertEquals(List.of(), told);
    greedy.drop(1);

    assertEquals(List.of("room"), told);
    assertFalse(other.isFull());
    fill(other, Long.MAX_VALUE);
    assertEquals(BUDGET, other.size());
  }

  @Test
  void ring_forWhichThereWasNothingToRead_usesNoMemory() {
    ByteRing idle = ring(1 << 20);

    idle.gatherFree(new IovecArray(4), BUDGET);
    assertEquals(0, budget.available());
    idle.commit(0);

    assertEquals(BUDGET, budget.available());
  }

  @Test
  void ring_atItsOwnLimit_doesNotWaitForMemory() {
    ByteRing small = ring(PAGE);
    fill(small, PAGE);
    ByteRing greedy = ring(1 << 20);
    fill(greedy, Long.MAX_VALUE);
    assertTrue(small.isFull());

    greedy.clear();

    assertEquals(List.of(), told);
  }

  @Test
  void ring_thatIsRestoredBeyondTheBudget_keepsAllBytes() {
    ByteRing restored = ring(1 << 20);
    byte[] bytes = Guest.bytes(2 * BUDGET, 1);

    restored.append(bytes);

    assertArrayEquals(bytes, restored.toByteArray());
    assertTrue(restored.isFull());
    assertEquals(0, budget.available());
    restored.clear();
    assertEquals(BUDGET, budget.available());
  }

  /** The guests of one process must not use up the memory of the JVM together. */
  @Test
  void devicesOfAProcess_shareItsMemory() {
    BufferBudget greedy = BufferBudget.ofProcess(Long.MAX_VALUE);
    BufferBudget other = BufferBudget.ofProcess(Long.MAX_VALUE);
    long all = greedy.available();
    greedy.take(all);
    try {
      assertEquals(BufferBudget.OWN_BYTES, other.available());
    } finally {
      greedy.release(all);
    }
    assertEquals(all, other.available());
  }

  @Test
  void pool_notifiesADeviceThatWaits_onceThereIsEnough() {
    SharedBufferBudget pool = new SharedBufferBudget(16 * BufferBudget.OWN_BYTES);
    BufferBudget first = new BufferBudget(pool.limit(), pool);
    BufferBudget second = new BufferBudget(pool.limit(), pool);
    second.connect(Runnable::run);
    ByteRing large = new ByteRing(1 << 30, first, () -> {});
    ByteRing small = new ByteRing(1 << 30, first, () -> {});
    ByteRing waiting = new ByteRing(1 << 30, second, () -> told.add("room"));
    fill(small, 2 * PAGE);
    fill(large, Long.MAX_VALUE);
    fill(waiting, Long.MAX_VALUE);
    assertTrue(waiting.isFull());

    small.clear();
    assertEquals(List.of(), told);
    large.clear();

    assertEquals(List.of("room"), told);
    assertFalse(waiting.isFull());
  }

  @Test
  void pool_doesNotNotifyADeviceThatHasReachedItsOwnLimit() {
    SharedBufferBudget pool = new SharedBufferBudget(64 * BUDGET);
    BufferBudget device = new BufferBudget(BUDGET, pool);
    device.connect(task -> told.add("woken"));
    ByteRing ring = new ByteRing(1 << 20, device, () -> {});
    fill(ring, Long.MAX_VALUE);

    assertTrue(ring.isFull());

    assertEquals(List.of(), told);
  }

  @Test
  void limitAboveTheBudget_isRefused() throws Exception {
    try (SerialMachine machine = SerialMachine.withBudget(directory, BUDGET)) {
      PortException refused =
          assertThrows(
              PortException.class,
              () -> machine.addUnix(PortConfig.named("a").withByteLimit(BUDGET + 1), "a"));

      assertEquals(
          "byte_limit=65537: the ports of this device keep at most 65536 bytes together",
          refused.getMessage());
    }
  }

  @Test
  void port_withoutMemory_holdsTheGuestBackUntilAnotherPortFreesIt() throws Exception {
    try (SerialMachine machine = SerialMachine.withBudget(directory, BUDGET)) {
      int first = machine.addUnix(limited(PortConfig.named("a")), "a");
      int second = machine.addUnix(limited(PortConfig.named("b")), "b");
      machine.guest.boot();
      machine.introduce(first);
      machine.introduce(second);
      for (int i = 0; i < 60; i++) {
        machine.guest.write(first, Guest.bytes(PAGE, i));
      }
      machine.idle();
      byte[][] sent = new byte[40][];
      for (int i = 0; i < sent.length; i++) {
        sent[i] = Guest.bytes(PAGE, 100 + i);
        machine.guest.write(second, sent[i]);
      }
      machine.idle();

      assertEquals(BUDGET, machine.numbers(first).bytesHeldForHost());
      assertEquals(PAGE, machine.numbers(second).bytesHeldForHost());

      try (Host host = machine.connect("a")) {
        host.read(60 * PAGE);
        Await.until(
            machine.loop,
            "the second port has memory",
            () -> machine.numbers(second).bytesHeldForHost() == BUDGET);
      }
      try (Host host = machine.connect("b")) {
        for (byte[] bytes : sent) {
          assertArrayEquals(bytes, host.read(PAGE));
        }
      }
      assertEquals(0, machine.numbers(second).bytesDropped());
    }
  }

  @Test
  void console_withoutMemory_keepsItsNewestBytesAndNeverHoldsTheGuestBack() throws Exception {
    try (SerialMachine machine = SerialMachine.withBudget(directory, BUDGET)) {
      int greedy = machine.addUnix(limited(PortConfig.named("a")), "a");
      int console = machine.addUnix(limited(PortConfig.forConsole().withName("c")), "c");
      machine.guest.boot();
      machine.introduce(greedy);
      machine.introduce(console);
      for (int i = 0; i < 60; i++) {
        machine.guest.write(greedy, Guest.bytes(PAGE, i));
      }
      machine.idle();

      byte[] last = Guest.bytes(PAGE, 9);
      machine.guest.write(console, Guest.bytes(3 * PAGE, 8));
      machine.guest.awaitSent(console, 1);
      machine.guest.write(console, last);
      machine.guest.awaitSent(console, 1);

      try (Host host = machine.connect("c")) {
        assertArrayEquals(last, host.read(PAGE));
      }
    }
  }
}
