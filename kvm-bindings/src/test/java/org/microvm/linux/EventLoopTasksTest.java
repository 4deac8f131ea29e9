package org.microvm.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Tasks and timers of a loop, and its end. */
class EventLoopTasksTest extends EventLoopFixture {
  @Test
  void execute_runsInOrder() throws Exception {
    loop.execute(() -> log.add("1"));
    loop.start();
    loop.execute(() -> log.add("2"));
    loop.execute(
        () -> {
          loop.execute(() -> log.add("4"));
          log.add("3");
        });

    assertEquals("1", next());
    assertEquals("2", next());
    assertEquals("3", next());
    assertEquals("4", next());
  }

  @Test
  void execute_aTaskThatThrowsDoesNotStopTheNext() throws Exception {
    loop.start();
    loop.execute(
        () -> {
          throw new IllegalStateException("on purpose");
        });
    loop.execute(() -> log.add("next"));

    assertEquals("next", next());
  }

  @Test
  void execute_aTaskThatRepeatsItselfLeavesRoomForDescriptors() throws Exception {
    loop.start();
    AtomicInteger turns = new AtomicInteger();
    Runnable again =
        new Runnable() {
          @Override
          public void run() {
            if (turns.incrementAndGet() > 0) {
              loop.execute(this);
            }
          }
        };
    loop.watch(first.fd(), EventLoop.IN, events -> log.add("served"));
    loop.execute(again);
    first.signal();

    assertEquals("served", next());
    turns.set(Integer.MIN_VALUE);
    first.drain();
  }

  @Test
  void schedule_runsInTheOrderOfTheDelays() throws Exception {
    loop.start();
    long start = System.nanoTime();
    loop.schedule(40 * MILLI, () -> log.add("late"));
    loop.schedule(20 * MILLI, () -> log.add("early"));

    assertEquals("early", next());
    assertTrue(System.nanoTime() - start >= 20 * MILLI);
    assertEquals("late", next());
    assertTrue(System.nanoTime() - start >= 40 * MILLI);
  }

  @Test
  void schedule_cancelledDoesNotRun() throws Exception {
    loop.start();
    EventLoop.Timer timer = loop.schedule(20 * MILLI, () -> log.add("wrong"));
    loop.schedule(40 * MILLI, () -> log.add("right"));
    timer.cancel();
    timer.cancel();

    assertEquals("right", next());
  }

  @Test
  void schedule_withTheLongestDelay_doesNotHoldUpATimerThatIsOverdue() throws Exception {
    loop.schedule(0, () -> log.add("overdue"));
    loop.schedule(Long.MAX_VALUE, () -> log.add("wrong"));

    loop.start();

    assertEquals("overdue", next());
  }

  @Test
  void schedule_fromTheLoopItself() throws Exception {
    loop.start();
    loop.execute(() -> loop.schedule(MILLI, () -> log.add("timer")));

    assertEquals("timer", next());
  }

  @Test
  void close_beforeStartAndTwice() {
    loop.close();
    loop.close();

    assertThrows(RejectedExecutionException.class, () -> loop.execute(() -> {}));
    assertThrows(IllegalStateException.class, loop::start);
    assertThrows(
        IllegalStateException.class, () -> loop.watch(first.fd(), EventLoop.IN, events -> {}));
  }

  @Test
  void close_beforeStart_tasksThatWaitAreReplaced() throws Exception {
    loop.execute(() -> log.add("run"), () -> log.add("dropped"));

    loop.close();

    assertEquals("dropped", next());
  }

  @Test
  void close_inATask_laterTasksAreReplaced() throws Exception {
    loop.execute(
        () -> {
          loop.execute(() -> log.add("run"), () -> log.add("second dropped"));
          loop.close();
        });
    loop.execute(() -> log.add("run"), () -> log.add("first dropped"));

    loop.start();

    assertEquals("first dropped", next());
    assertEquals("second dropped", next());
  }

  @Test
  void close_aReplacementThatThrowsDoesNotStopTheNext() throws Exception {
    loop.execute(
        () -> log.add("run"),
        () -> {
          throw new IllegalStateException("on purpose");
        });
    loop.execute(() -> log.add("run"), () -> log.add("dropped"));

    loop.close();

    assertEquals("dropped", next());
  }

  @Test
  void execute_onAClosedLoop_replacesTheTaskAtOnce() {
    loop.start();
    loop.close();

    loop.execute(() -> log.add("run"), () -> log.add("dropped"));

    assertEquals("dropped", log.poll());
  }

  @Test
  void execute_withAReplacement_runsInOrder() throws Exception {
    loop.start();
    loop.execute(() -> log.add("1"), () -> log.add("dropped"));
    loop.execute(() -> log.add("2"));

    assertEquals("1", next());
    assertEquals("2", next());
  }

  @Test
  void close_onTheLoopEndsIt() throws Exception {
    loop.start();
    loop.execute(
        () -> {
          loop.close();
          log.add("closed");
        });

    assertEquals("closed", next());
    assertThrows(
        RejectedExecutionException.class,
        () -> {
          for (; ; ) {
            loop.execute(() -> {});
          }
        });
  }

  @Test
  void executeWhenIdle_runsAfterTasksAndEventsAndWhatTheyCause() throws Exception {
    loop.watch(
        first.fd(),
        EventLoop.IN,
        events -> {
          first.drain();
          log.add("event");
          loop.execute(() -> loop.execute(() -> log.add("caused")));
        });
    loop.execute(
        () -> {
          log.add("task");
          first.signal();
        });
    loop.executeWhenIdle(() -> log.add("idle"));

    loop.start();

    assertEquals(
        List.of("task", "event", "caused", "idle"), List.of(next(), next(), next(), next()));
  }

  @Test
  void executeWhenIdle_doesNotWaitForATimerThatIsNotDue() throws Exception {
    loop.start();
    loop.schedule(TimeUnit.HOURS.toNanos(1), () -> log.add("timer"));

    loop.executeWhenIdle(() -> log.add("idle"));

    assertEquals("idle", next());
  }

  @Test
  void executeWhenIdle_onAClosedLoop_isRejected() {
    loop.start();
    loop.close();

    assertThrows(RejectedExecutionException.class, () -> loop.executeWhenIdle(() -> {}));
  }
}
