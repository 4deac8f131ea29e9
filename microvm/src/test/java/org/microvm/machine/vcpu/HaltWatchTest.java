package org.microvm.machine.vcpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class HaltWatchTest {
  private final FakeVcpu first = new FakeVcpu();
  private final FakeVcpu second = new FakeVcpu();
  private final HaltWatch watch = new HaltWatch(List.of(first, second), () -> false);

  private static final class FakeVcpu implements HaltWatch.Watched {
    long sleeps = 10;
    boolean halted = true;
    int asked;

    @Override
    public long sleeps() {
      return sleeps;
    }

    @Override
    public void ask() {
      asked++;
      sleeps++; // To answer, it has to wake up.
    }

    @Override
    public Optional<Boolean> hasStopped() {
      return Optional.of(halted);
    }

    @Override
    public String place() {
      return "here";
    }
  }

  private boolean ticks(int count) {
    boolean halted = false;
    for (int i = 0; i < count; i++) {
      halted |= watch.tick();
    }
    return halted;
  }

  @Test
  void allStopped_andStillAsleepAfterwards_haveHalted() {
    assertFalse(ticks(3));
    assertTrue(watch.tick());
    assertEquals(1, first.asked);
    assertEquals(1, second.asked);
  }

  @Test
  void awake_isNotProbed() {
    second.sleeps = -1;

    assertFalse(ticks(100));
    assertEquals(0, first.asked);
  }

  @Test
  void vcpuThatIsOnlyIdle_isNoHalt_andIsProbedOnceInItsSleep() {
    second.halted = false;

    assertFalse(ticks(1000));
    assertEquals(1, second.asked);
  }

  @Test
  void wokenAfterItsAnswer_hasNotHalted() {
    ticks(3);
    first.sleeps++;

    assertFalse(watch.tick());
  }

  @Test
  void idleGuestThatWakesAgainAndAgain_isProbedLessAndLessOften() {
    second.halted = false;
    for (int sleep = 0; sleep < 100; sleep++) {
      second.sleeps++;
      ticks(HaltWatch.MAX_PATIENCE / 2);
    }

    assertTrue(second.asked <= 5, second.asked + " times");
  }

  @Test
  void announcedHalt_isProbedAtOnceAgain() {
    boolean[] announced = {false};
    HaltWatch impatient = new HaltWatch(List.of(first), () -> announced[0]);
    first.halted = false;
    for (int i = 0; i < 100; i++) {
      first.sleeps += i % 10 == 0 ? 1 : 0;
      impatient.tick();
    }
    int before = first.asked;
    announced[0] = true;
    first.halted = true;
    first.sleeps++;

    impatient.tick();
    impatient.tick();
    assertEquals(before + 1, first.asked);
    impatient.tick();
    assertTrue(impatient.tick());
  }

  @Test
  void report_namesThePlaces() {
    assertTrue(watch.report().endsWith("(here, here)"), watch.report());
  }
}
