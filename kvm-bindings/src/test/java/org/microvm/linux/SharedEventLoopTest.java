package org.microvm.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Runs the tests of {@link EventLoopTest} for a loop on the thread of another one. */
@Timeout(30)
class SharedEventLoopTest extends EventLoopTest {
  private EventLoop carrier;

  @Override
  EventLoop openLoop() throws ErrnoException {
    carrier = EventLoop.open("test-loop");
    carrier.start();
    return EventLoop.openOn(carrier, "shared");
  }

  @Override
  int callsOfAnEvent() {
    return 7; // epoll_wait of the carrier and of the loop
  }

  @AfterEach
  @Override
  void close() {
    super.close();
    carrier.close();
  }

  private EventLoop openStarted() throws ErrnoException {
    EventLoop loop = EventLoop.openOn(carrier, "another");
    loop.start();
    return loop;
  }

  @Test
  void inLoop_isTrueInOneOfTheLoopsAlone() throws Exception {
    EventLoop one = openStarted();
    EventLoop other = openStarted();
    CountDownLatch done = new CountDownLatch(1);
    boolean[] seen = new boolean[3];
    one.execute(
        () -> {
          seen[0] = one.inLoop();
          seen[1] = other.inLoop();
          seen[2] = carrier.inLoop();
          done.countDown();
        });
    assertTrue(done.await(5, TimeUnit.SECONDS));
    assertTrue(seen[0]);
    assertFalse(seen[1]);
    assertTrue(seen[2]);
    one.close();
    other.close();
    assertFalse(one.isRunning());
    assertTrue(carrier.isRunning());
  }

  @Test
  void watch_aLoopThatIsAlwaysReady_doesNotStarveAnother() throws Exception {
    EventLoop busy = openStarted();
    EventLoop quiet = openStarted();
    AtomicInteger calls = new AtomicInteger();
    CountDownLatch served = new CountDownLatch(1);
    try (EventFd always = EventFd.open();
        EventFd once = EventFd.open()) {
      always.signal();
      busy.watch(always.fd(), EventLoop.IN, events -> calls.incrementAndGet());
      busy.execute(new AgainAndAgain(busy));
      while (calls.get() < 1000) {
        Thread.onSpinWait();
      }
      quiet.watch(
          once.fd(),
          EventLoop.IN,
          events -> {
            once.drain();
            served.countDown();
          });
      once.signal();
      assertTrue(served.await(10, TimeUnit.SECONDS));
      CountDownLatch timer = new CountDownLatch(1);
      quiet.schedule(1, timer::countDown);
      assertTrue(timer.await(10, TimeUnit.SECONDS));
      busy.close();
      quiet.close();
    }
  }

  /** A task that adds itself again. */
  private record AgainAndAgain(EventLoop loop) implements Runnable {
    @Override
    public void run() {
      try {
        loop.execute(this);
      } catch (RejectedExecutionException e) {
        // The loop is closed.
      }
    }
  }

  @Test
  void suspend_handlersTasksAndTimersWait_andNeighboursDoNot() throws Exception {
    EventLoop held = openStarted();
    EventLoop neighbour = openStarted();
    AtomicInteger calls = new AtomicInteger();
    CountDownLatch all = new CountDownLatch(3);
    Runnable count =
        () -> {
          calls.incrementAndGet();
          all.countDown();
        };
    try (EventFd signal = EventFd.open()) {
      held.watch(
          signal.fd(),
          EventLoop.IN,
          events -> {
            signal.drain();
            count.run();
          });
      CountDownLatch suspended = new CountDownLatch(1);
      held.suspend(suspended::countDown);
      assertTrue(suspended.await(5, TimeUnit.SECONDS));
      signal.signal();
      held.execute(count);
      held.schedule(0, count);
      CountDownLatch later = new CountDownLatch(1);
      neighbour.schedule(TimeUnit.MILLISECONDS.toNanos(20), later::countDown);
      assertTrue(later.await(5, TimeUnit.SECONDS));
      assertEquals(0, calls.get());

      held.resume();

      assertTrue(all.await(5, TimeUnit.SECONDS));
      assertEquals(3, calls.get());
      held.close();
      neighbour.close();
    }
  }

  @Test
  void suspend_aSuspendedLoop_canBeClosed() throws Exception {
    EventLoop held = openStarted();
    CountDownLatch suspended = new CountDownLatch(1);
    held.suspend(suspended::countDown);
    assertTrue(suspended.await(5, TimeUnit.SECONDS));
    held.close();
    held.resume();
    assertFalse(held.isRunning());
    assertThrows(RejectedExecutionException.class, () -> held.suspend(() -> {}));
  }

  @Test
  void suspend_theCarrierIsClosedBefore_doesNotWaitForever() throws Exception {
    EventLoop held = openStarted();
    CountDownLatch suspended = new CountDownLatch(1);
    carrier.execute(
        () -> {
          held.suspend(suspended::countDown);
          carrier.close();
        });

    assertTrue(suspended.await(5, TimeUnit.SECONDS));
    held.close();
  }

  @Test
  void openOn_aLoopWithoutAThread_isRefused() throws Exception {
    EventLoop loop = openStarted();
    assertThrows(IllegalArgumentException.class, () -> EventLoop.openOn(loop, "third"));
    loop.close();
  }
}
