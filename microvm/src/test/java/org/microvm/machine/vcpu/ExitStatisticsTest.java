package org.microvm.machine.vcpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.microvm.kvm.ExitReason;

class ExitStatisticsTest {
  private final ExitStatistics statistics = new ExitStatistics();

  /** Waits until {@link System#nanoTime} has advanced. */
  private static void passTime() {
    long begin = System.nanoTime();
    while (System.nanoTime() == begin) {
      Thread.onSpinWait();
    }
  }

  @Test
  void exit_isCountedByReason() {
    statistics.exit(ExitReason.IO);
    statistics.exit(ExitReason.MMIO);
    statistics.exit(ExitReason.IO);

    assertEquals(Map.of(ExitReason.IO, 2L, ExitReason.MMIO, 1L), statistics.reasons());
    assertEquals(3, statistics.exits());
  }

  @Test
  void exit_withAReasonBeyondTheApi_isCountedInTheLastSlot() {
    statistics.exit(1000);
    statistics.exit(Integer.MAX_VALUE);

    assertEquals(Map.of(63, 2L), statistics.reasons());
  }

  @Test
  void kick_isNoExit() {
    statistics.kicked();

    assertEquals(1, statistics.kicks());
    assertEquals(0, statistics.exits());
  }

  @Test
  void addresses_areCountedByBus() {
    statistics.port(0x3f8);
    statistics.mmio(0xd000_0000L);
    statistics.mmio(0xd000_0000L);

    assertEquals(Map.of(0x3f8L, 1L), statistics.ports());
    assertEquals(Map.of(0xd000_0000L, 2L), statistics.mmioAddresses());
  }

  @Test
  void firstEntry_isNotedOnce() {
    assertEquals(0, statistics.firstEntryNanos());
    statistics.entering();
    long first = statistics.firstEntryNanos();
    passTime();

    statistics.entering();

    assertNotEquals(0, first);
    assertEquals(first, statistics.firstEntryNanos());
  }

  @Test
  void times_guestAndHostAddUpToAllTheTimeThatPassed() {
    long begin = System.nanoTime();
    statistics.enter();
    passTime();
    statistics.returned();
    passTime();
    statistics.enter();
    passTime();
    statistics.returned();
    long total = System.nanoTime() - begin;

    assertTrue(statistics.guestNanos() > 0);
    assertTrue(statistics.hostNanos() > 0);
    assertTrue(statistics.guestNanos() + statistics.hostNanos() <= total);
  }

  @Test
  void hostNanos_beforeTheFirstExit_areNone() {
    passTime();
    statistics.enter();

    assertEquals(0, statistics.hostNanos());
  }

  @Test
  void guestNanos_includeTheCallInProgress() {
    statistics.enter();
    passTime();

    assertTrue(statistics.guestNanos() > 0);
  }
}
