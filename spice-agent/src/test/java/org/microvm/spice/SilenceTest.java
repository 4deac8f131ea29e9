package org.microvm.spice;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class SilenceTest {
  /** A clock that is about to overflow, as that of the system may. */
  private final AtomicLong clock = new AtomicLong(Long.MAX_VALUE - 5);

  private final Silence silence = new Silence(clock::get);

  @Test
  void left_isCountedFromTheRequest_beforeAnythingArrives() {
    clock.addAndGet(1000);
    long asked = clock.get();
    clock.addAndGet(40);

    assertEquals(60, silence.left(asked, 100));
  }

  @Test
  void left_isCountedFromTheLastBytes_howeverLongTheAnswerTakes() {
    long asked = clock.get();
    for (int i = 0; i < 10; i++) {
      clock.addAndGet(90);
      assertEquals(10, silence.left(asked, 100));
      silence.broken();
    }
    clock.addAndGet(100);

    assertEquals(0, silence.left(asked, 100));
  }

  @Test
  void answer_failsAfterSilence() {
    CompletableFuture<String> answer = new CompletableFuture<>();
    Silence real = new Silence(System::nanoTime);

    real.limit(answer, Duration.ofMillis(1));

    ExecutionException failure =
        assertThrows(ExecutionException.class, () -> answer.get(20, TimeUnit.SECONDS));
    assertEquals(TimeoutException.class, failure.getCause().getClass());
  }
}
