package org.microvm.linux;

import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import org.microvm.bindings.Linux;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The turns that an {@link EventLoop} takes on its own thread, which waits in epoll_wait. */
final class ThreadTurns implements LoopTurns {
  private static final Logger LOG = LoggerFactory.getLogger(EventLoop.class);
  private static final Duration JOIN_LIMIT = Duration.ofSeconds(5);

  private final EventLoop loop;
  private final EventFd wakeUp;
  private final Thread thread;

  /** Counted down when turns may be taken. */
  private final CountDownLatch released = new CountDownLatch(1);

  /**
   * Adds the eventfd that wakes the thread to the loop's epoll set.
   *
   * @throws ErrnoException if the process or the host has too many open files
   */
  ThreadTurns(EventLoop loop, EpollSet epoll) throws ErrnoException {
    this.loop = loop;
    wakeUp = EventFd.open();
    try {
      int add = Linux.EPOLL_CTL_ADD();
      long result = epoll.control(add, wakeUp.fd(), EventLoop.IN, EventLoop.WAKE_UP, 0);
      ErrnoException.check(result, "watch eventfd");
      thread = Thread.ofPlatform().name(loop.name()).unstarted(this::run);
    } catch (ErrnoException | RuntimeException | Error failure) {
      wakeUp.close();
      throw failure;
    }
  }

  private void run() {
    try {
      released.await();
      while (!loop.isStopping()) {
        loop.turn(EpollSet.BATCH, loop.timeoutMillis());
      }
    } catch (InterruptedException impossible) {
      LOG.error("event loop {} stops: it was interrupted", loop.name());
    } finally {
      end();
    }
  }

  private void end() {
    loop.release();
    wakeUp.close();
  }

  @Override
  public void prepare() {
    thread.start();
  }

  @Override
  public void start() {
    released.countDown();
  }

  @Override
  public boolean isRunning() {
    return released.getCount() == 0 && thread.isAlive();
  }

  @Override
  public boolean inTurn() {
    return Thread.currentThread() == thread;
  }

  @Override
  public void request() {
    wakeUp.signal();
  }

  @Override
  public void acknowledge() {
    wakeUp.drain();
  }

  @Override
  public void close(boolean prepared) {
    wakeUp.signal();
    released.countDown();
    if (!prepared) {
      end();
    } else if (!inTurn()) {
      join();
    }
  }

  private void join() {
    boolean interrupted = UninterruptedJoin.within(JOIN_LIMIT, thread);
    if (thread.isAlive()) {
      LOG.error(
          "thread {} has not stopped within 5 seconds; it is at {}",
          thread.getName(),
          Arrays.toString(thread.getStackTrace()));
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
