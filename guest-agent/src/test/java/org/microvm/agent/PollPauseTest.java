package org.microvm.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** Pauses for agents of different speeds. */
class PollPauseTest {
  private final PollPause pause = new PollPause();

  private long[] afterMillis(long... asked) {
    return LongStream.of(asked)
        .map(millis -> pause.nanosAfter(TimeUnit.MILLISECONDS.toNanos(millis)))
        .map(TimeUnit.NANOSECONDS::toMillis)
        .toArray();
  }

  private static void assertPauses(String expected, long... pauses) {
    assertEquals(expected, LongStream.of(pauses).boxed().toList().toString());
  }

  @Test
  void fastAgent_pausesGrowTo100Ms() {
    assertPauses("[1, 2, 4, 8, 16, 32, 64, 100, 100]", afterMillis(0, 0, 0, 0, 0, 0, 0, 0, 0));
  }

  @Test
  void slowAgent_pausesGrowToFourTimesItsAnswers() {
    assertPauses("[150, 300, 600, 600]", afterMillis(150, 150, 150, 150));
  }

  @Test
  void agentThatIsFastAgain_isQueriedOftenAgain() {
    assertPauses("[150, 100, 100, 100]", afterMillis(150, 1, 1, 1));
  }

  /** As for a guest that was paused while it was saved. */
  @Test
  void agentThatWasStopped_isQueriedAtOnceAgain() {
    assertPauses("[25, 1000, 100]", afterMillis(25, 30_000, 1));
  }

  @Test
  void reset_beginsWithAShortPause() {
    afterMillis(150, 150, 150);

    pause.reset();

    assertPauses("[1, 2]", afterMillis(0, 0));
  }
}
