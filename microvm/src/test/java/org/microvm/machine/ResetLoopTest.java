package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class ResetLoopTest {
  private static final Duration BRIEF = Duration.ofSeconds(3);

  private final ResetLoop loop = new ResetLoop(3);

  @Test
  void briefBoots_asManyAsTheLimit_areALoop() {
    assertFalse(loop.add(BRIEF, false));
    assertFalse(loop.add(BRIEF, false));
    assertTrue(loop.add(BRIEF, false));
    assertEquals(3, loop.failures());
  }

  @Test
  void longBoot_endsTheRow() {
    loop.add(BRIEF, false);
    loop.add(BRIEF, false);

    assertFalse(loop.add(Duration.ofSeconds(61), false));
    assertFalse(loop.add(BRIEF, false));
  }

  @Test
  void openedChannel_endsTheRow() {
    loop.add(BRIEF, false);
    loop.add(BRIEF, false);

    assertFalse(loop.add(BRIEF, true));
    assertEquals(0, loop.failures());
  }

  @Test
  void clear_endsTheRow() {
    loop.add(BRIEF, false);
    loop.add(BRIEF, false);
    loop.clear();

    assertFalse(loop.add(BRIEF, false));
  }

  @Test
  void limitOfZero_isNone() {
    ResetLoop any = new ResetLoop(0);
    any.add(BRIEF, false);

    assertFalse(any.add(BRIEF, false));
  }
}
