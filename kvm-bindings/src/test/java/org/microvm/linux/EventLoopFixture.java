package org.microvm.linux;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;

/** A loop and two eventfds for the tests of loops of each kind. */
@Timeout(30)
abstract class EventLoopFixture {
  static final long MILLI = TimeUnit.MILLISECONDS.toNanos(1);

  final BlockingQueue<String> log = new ArrayBlockingQueue<>(100);
  final MemorySegment buffer = Arena.ofAuto().allocate(8);
  EventLoop loop;
  EventFd first;
  EventFd second;

  @BeforeEach
  void open() throws Exception {
    loop = openLoop();
    first = EventFd.open();
    second = EventFd.open();
  }

  /** Creates the loop; a subclass creates one of another kind, for which the same tests hold. */
  EventLoop openLoop() throws ErrnoException {
    return EventLoop.open("test-loop");
  }

  /** Native calls of the loop's thread for two descriptors that are ready one after the other. */
  int callsOfAnEvent() {
    return 5;
  }

  @AfterEach
  void close() {
    loop.close();
    first.close();
    second.close();
  }

  String next() throws InterruptedException {
    return log.poll(5, TimeUnit.SECONDS);
  }

  /** Waits until the loop has done everything that was submitted before this call. */
  void barrier() throws InterruptedException {
    CountDownLatch reached = new CountDownLatch(2);
    loop.execute(
        () -> {
          reached.countDown();
          loop.execute(reached::countDown); // One more round, with its descriptors.
        });
    assertTrue(reached.await(5, TimeUnit.SECONDS));
  }
}
