package org.microvm.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.microvm.syscall.FaultInjection;
import org.microvm.testing.NoThreads;

/** Watches of a loop. */
class EventLoopTest extends EventLoopFixture {
  @Test
  void watch_handlerRunsOnTheLoopWithTheEvents() throws Exception {
    loop.start();
    loop.watch(
        first.fd(),
        EventLoop.IN,
        events -> {
          first.drain();
          log.add(events + " " + loop.inLoop() + " " + Thread.currentThread().getName());
        });

    first.signal();

    assertEquals("1 true test-loop", next());
    assertFalse(loop.inLoop());
  }

  @Test
  void loopThatIsPrepared_callsNothingBeforeItIsStarted() throws Exception {
    loop.watch(first.fd(), EventLoop.IN, events -> log.add("" + first.drain()));
    loop.execute(() -> log.add("task"));
    first.signal();

    loop.prepare();
    assertTrue(log.isEmpty());
    assertFalse(loop.isRunning());

    try (NoThreads _ = NoThreads.here()) {
      loop.start();
    }
    assertTrue(loop.isRunning());
    assertEquals("1", next());
    assertEquals("task", next());
  }

  @Test
  void loopThatIsPreparedOnly_leavesNothingWhenItIsClosed() throws Exception {
    long before = descriptors();
    EventLoop other = EventLoop.open("other");
    other.prepare();

    other.close();

    assertEquals(before, descriptors());
  }

  @Test
  void loopWithoutAThread_leavesNothing() throws Exception {
    long before = descriptors();

    try (NoThreads _ = NoThreads.here()) {
      assertThrows(OutOfMemoryError.class, () -> EventLoop.open("other"));
    }

    assertEquals(before, descriptors());
  }

  private static long descriptors() throws IOException {
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      return all.count();
    }
  }

  /** The system call is outside of all handlers and tasks. */
  @Test
  void errorInATurn_doesNotEndTheLoop() throws Exception {
    loop.start();
    AtomicBoolean failed = new AtomicBoolean();
    FaultInjection.Rule once =
        (call, fd) -> {
          if (call.equals("epoll_wait") && !failed.getAndSet(true)) {
            throw new OutOfMemoryError("Java heap space");
          }
          return 0;
        };
    try (FaultInjection _ = FaultInjection.by(once)) {
      barrier();
    }
    assertTrue(failed.get());
    assertTrue(loop.isRunning());
  }

  @Test
  void watch_isLevelTriggered() throws Exception {
    loop.start();
    AtomicInteger calls = new AtomicInteger();
    loop.watch(
        first.fd(),
        EventLoop.IN,
        events -> {
          if (calls.incrementAndGet() == 3) {
            first.drain();
            log.add("done");
          }
        });

    first.signal();

    assertEquals("done", next());
    barrier();
    assertEquals(3, calls.get());
  }

  @Test
  void interest_zeroIsSilentEvenOfAHangup() throws Exception {
    Fd[] pair = UnixSocket.pair();
    loop.start();
    EventLoop.Watch watch =
        loop.watch(pair[0], EventLoop.IN | EventLoop.RDHUP, events -> log.add("called"));
    watch.interest(0);
    pair[1].close();
    barrier();
    assertTrue(log.isEmpty());

    watch.interest(EventLoop.OUT);
    assertEquals("called", next());
    watch.close();
    pair[0].close();
  }

  @Test
  void watch_reportsAHangup() throws Exception {
    Fd[] pair = UnixSocket.pair();
    loop.start();
    EventLoop.Watch[] watch = new EventLoop.Watch[1];
    watch[0] =
        loop.watch(
            pair[0],
            EventLoop.RDHUP,
            events -> {
              log.add(Integer.toHexString(events));
              watch[0].close();
            });

    pair[1].close();

    assertEquals(Integer.toHexString(EventLoop.RDHUP | EventLoop.HUP), next());
    pair[0].close();
  }

  @Test
  void close_ofAnotherWatchInTheSameBatchSilencesIt() throws Exception {
    AtomicInteger calls = new AtomicInteger();
    List<EventLoop.Watch> watches = Collections.synchronizedList(new ArrayList<>());
    EventLoop.Handler closeAll =
        events -> {
          calls.incrementAndGet();
          watches.forEach(EventLoop.Watch::close);
        };
    watches.add(loop.watch(first.fd(), EventLoop.IN, closeAll));
    watches.add(loop.watch(second.fd(), EventLoop.IN, closeAll));
    first.signal();
    second.signal();

    loop.start(); // Only now, so that both are in the first batch.
    barrier();

    assertEquals(1, calls.get());
    assertEquals(0, loop.watchCount());
  }

  @Test
  void close_slotReusedInTheSameBatchGetsNoOldEvent() throws Exception {
    EventFd third = EventFd.open();
    EventLoop.Watch[] watches = new EventLoop.Watch[2];
    EventLoop.Handler replaceTheOther =
        events -> {
          first.drain();
          second.drain();
          watches[0].close();
          watches[1].close();
          try {
            loop.watch(third.fd(), EventLoop.IN, ready -> log.add("wrong"));
            loop.watch(first.fd(), EventLoop.IN, ready -> log.add("wrong"));
          } catch (ErrnoException failure) {
            log.add(failure.getMessage());
          }
        };
    watches[0] = loop.watch(first.fd(), EventLoop.IN, replaceTheOther);
    watches[1] = loop.watch(second.fd(), EventLoop.IN, replaceTheOther);
    first.signal();
    second.signal();

    loop.start();
    barrier();

    assertEquals(2, loop.watchCount());
    assertTrue(log.isEmpty(), log::toString);
    third.close();
  }

  @Test
  void handler_thatThrowsEndsItsWatchOnly() throws Exception {
    loop.start();
    loop.watch(
        first.fd(),
        EventLoop.IN,
        events -> {
          throw new IllegalStateException("on purpose");
        });
    loop.watch(
        second.fd(),
        EventLoop.IN,
        events -> {
          second.drain();
          log.add("alive");
        });

    first.signal();
    barrier();
    second.signal();

    assertEquals("alive", next());
    assertEquals(1, loop.watchCount());
  }

  @Test
  void handler_thatRunsOutOfMemory_isCalledAgainWithWhatItFailedAt() throws Exception {
    loop.start();
    AtomicInteger calls = new AtomicInteger();
    loop.watch(
        first.fd(),
        EventLoop.IN,
        events -> {
          first.drain(); // the event is taken, as a queue's handler does, and then the work fails
          if (calls.incrementAndGet() == 1) {
            throw new OutOfMemoryError("on purpose");
          }
          log.add("served " + (events == EventLoop.IN));
        });

    first.signal();

    assertEquals("served true", next());
    first.signal();
    assertEquals("served true", next());
    assertEquals(1, loop.watchCount());
  }

  @Test
  void handler_thatRanOutOfMemory_keepsANewerInterest() throws Exception {
    loop.start();
    CountDownLatch failed = new CountDownLatch(1);
    EventLoop.Watch watch =
        loop.watch(
            first.fd(),
            EventLoop.IN,
            events -> {
              failed.countDown();
              log.add("called");
              throw new OutOfMemoryError("on purpose");
            });

    first.signal();
    failed.await();
    barrier();
    watch.interest(0);

    CountDownLatch rested = new CountDownLatch(1);
    // Later than the end of the pause, which began before.
    loop.schedule(1000 * MILLI, rested::countDown);
    rested.await();
    assertEquals("called", next());
    assertEquals(0, log.size());
    watch.close();
    assertEquals(0, loop.watchCount());
  }

  @Test
  void watch_twiceIsRefused() throws Exception {
    loop.watch(first.fd(), EventLoop.IN, events -> {});

    var failure =
        assertThrows(
            ErrnoException.class, () -> loop.watch(first.fd(), EventLoop.IN, events -> {}));

    assertEquals(Errno.EEXIST, failure.errno());
    assertEquals(1, loop.watchCount());
  }

  @Test
  void watch_ofAFileIsRefused() throws Exception {
    try (Fd file = Fd.open(Path.of("/proc/self/exe"), Fd.READ_ONLY)) {
      var failure =
          assertThrows(ErrnoException.class, () -> loop.watch(file, EventLoop.IN, events -> {}));

      assertEquals(Errno.EPERM, failure.errno());
    }
  }

  @Test
  void watch_moreThanABatch() throws Exception {
    List<EventFd> many = new ArrayList<>();
    AtomicInteger calls = new AtomicInteger();
    for (int i = 0; i < 200; i++) {
      EventFd event = EventFd.open();
      many.add(event);
      event.signal();
      loop.watch(
          event.fd(),
          EventLoop.IN,
          events -> {
            event.drain();
            if (calls.incrementAndGet() == 200) {
              log.add("all");
            }
          });
    }

    loop.start();

    assertEquals("all", next());
    many.forEach(EventFd::close);
  }

  @Test
  void close_watchAfterwardsDoesNothing() throws Exception {
    EventLoop.Watch watch = loop.watch(first.fd(), EventLoop.IN, events -> {});
    loop.start();
    loop.close();

    watch.interest(EventLoop.OUT);
    watch.close();
    assertEquals(0, loop.watchCount());
  }

  @Test
  void dispatch_allocatesNothingButWhatTheLinkerNeeds() throws Exception {
    // The linker allocates a 40-byte slice of the errno segment on each call until C2 removes it.
    // An event takes five calls: read, signal, drain, and epoll_wait for each of two descriptors.
    // One more object would add at least 16 bytes.
    long limit = 2000 * (callsOfAnEvent() * 40 + 16);
    loop.start();
    Fd[] pair = UnixSocket.pair();
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    AtomicLong before = new AtomicLong();
    AtomicInteger calls = new AtomicInteger();
    loop.watch(
        pair[0],
        EventLoop.IN,
        events -> {
          pair[0].read(buffer);
          first.signal();
          int call = calls.incrementAndGet();
          if (call == 2000) {
            before.set(threads.getCurrentThreadAllocatedBytes());
          } else if (call == 4000) {
            long bytes = threads.getCurrentThreadAllocatedBytes() - before.get();
            log.add(bytes < limit ? "nothing" : bytes + " bytes");
          }
        });
    loop.watch(first.fd(), EventLoop.IN, events -> first.drain());
    MemorySegment one = Arena.ofAuto().allocate(1);
    for (int i = 0; i < 4000; i++) {
      while (calls.get() < i) {
        Thread.onSpinWait();
      }
      assertNotEquals(0, pair[1].write(one));
    }

    assertEquals("nothing", next());
    pair[0].close();
    pair[1].close();
  }

  @Test
  void interest_refusedByTheKernel_isRequestedAgain() throws Exception {
    loop.start();
    EventLoop.Watch watch =
        loop.watch(
            first.fd(),
            0,
            events -> {
              first.drain();
              log.add("ready");
            });
    first.signal();
    AtomicInteger refusals = new AtomicInteger(1);

    try (FaultInjection _ =
        FaultInjection.by(
            (kind, fd) ->
                kind.equals("epoll_ctl") && refusals.getAndDecrement() > 0 ? -Errno.ENOMEM : 0)) {
      watch.interest(EventLoop.IN);

      assertEquals("ready", next());
    }
  }

  @Test
  void interest_refusedThenChanged_isTheLastOne() throws Exception {
    loop.start();
    EventLoop.Watch watch =
        loop.watch(
            first.fd(),
            0,
            events -> {
              first.drain();
              log.add("ready");
            });
    first.signal();
    AtomicInteger refusals = new AtomicInteger(1);
    try (FaultInjection _ =
        FaultInjection.by(
            (kind, fd) ->
                kind.equals("epoll_ctl") && refusals.getAndDecrement() > 0 ? -Errno.ENOMEM : 0)) {
      watch.interest(EventLoop.IN);
    }

    watch.interest(0);

    CountDownLatch later = new CountDownLatch(1);
    loop.schedule(1500 * MILLI, later::countDown);
    assertTrue(later.await(10, TimeUnit.SECONDS));
    barrier();
    assertTrue(log.isEmpty());
  }
}
