package org.microvm.virtioserial.channel;

import java.io.InterruptedIOException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.linux.Fd;

/**
 * Makes threads wait until a non-blocking descriptor is ready, which the event loop reports;
 * virtual threads release their carrier while they wait. Thread-safe.
 */
final class Readiness implements AutoCloseable {
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final EventLoop loop;
  private final EventLoop.Watch watch;

  /** The events that threads wait for. */
  private int wanted;

  private boolean closed;

  Readiness(EventLoop loop, Fd fd) throws ErrnoException {
    this.loop = loop;
    watch = loop.watch(fd, 0, this::ready);
  }

  /**
   * Waits until the descriptor is ready for {@code event}, has hung up, or this is closed.
   *
   * @throws IllegalStateException on the event loop
   */
  void await(int event) throws InterruptedIOException {
    if (loop.inLoop()) {
      throw new IllegalStateException(
          "a read or write that waits on the event loop would wait forever:"
              + " use setBlocking(false) or another thread");
    }
    lock.lock();
    try {
      wanted |= event;
      watch.interest(wanted);
      while ((wanted & event) != 0 && !closed) {
        changed.await();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for the guest");
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      watch.close();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private void ready(int events) {
    lock.lock();
    try {
      boolean gone = (events & (EventLoop.HUP | EventLoop.ERR)) != 0;
      wanted = gone ? 0 : wanted & ~events;
      watch.interest(wanted);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
