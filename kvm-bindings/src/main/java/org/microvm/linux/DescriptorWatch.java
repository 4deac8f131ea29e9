package org.microvm.linux;

import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.microvm.bindings.Linux;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A watch of an {@link EventLoop}, and its slot in the {@link WatchTable}. */
final class DescriptorWatch implements EventLoop.Watch {
  private static final Logger LOG = LoggerFactory.getLogger(EventLoop.class);
  private static final long PAUSE_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final EventLoop loop;
  private final WatchTable table;
  private final Fd fd;
  private final EventLoop.Handler handler;

  /** The index in the table. */
  final int slot;

  /** Distinguishes this watch from an earlier one in the same slot. */
  final int id;

  /** The events registered with the kernel; 0 if the descriptor is not in the epoll set. */
  private volatile int registered;

  private boolean closed;

  /** Whether the watch pauses after an error. */
  private boolean paused;

  /** The events to wait for after the pause. */
  private int afterPause;

  /** The number of errors, for the log; exact only if one thread uses the watch. */
  private long errors;

  DescriptorWatch(
      EventLoop loop, WatchTable table, Fd fd, EventLoop.Handler handler, int slot, int id) {
    this.loop = loop;
    this.table = table;
    this.fd = fd;
    this.handler = handler;
    this.slot = slot;
    this.id = id;
  }

  void fire(int bits) {
    int wanted = registered;
    // Masked, because the event may have been fetched before a handler changed the interest.
    int ready = wanted == 0 ? 0 : bits & (wanted | EventLoop.HUP | EventLoop.ERR);
    if (ready == 0) {
      return;
    }
    try {
      handler.ready(ready);
    } catch (RuntimeException failure) {
      LoopLog.error("the handler of {} failed; it is no longer watched", fd, failure);
      close();
    } catch (Error failure) {
      pause(ready, failure);
    }
  }

  /** Stops waiting for events for a while, then calls the handler with these events again. */
  private void pause(int ready, Error failure) {
    try {
      errors++;
      if (Long.bitCount(errors) == 1) {
        LoopLog.error(
            "the handler of {} failed ({} times); calling it again later", fd, errors, failure);
      }
      loop.schedule(PAUSE_NANOS, () -> callAgain(ready));
      synchronized (this) {
        int wanted = registered;
        change(0);
        afterPause = wanted;
        paused = !closed;
      }
    } catch (RuntimeException | Error another) {
      // Without a pause the loop reports the descriptor again at once, unless it is closed.
      errors++;
    }
  }

  private void callAgain(int ready) {
    synchronized (this) {
      if (!paused) {
        return;
      }
    }
    endPause();
    // The handler may have taken the event before it failed, so it is called in any case.
    fire(ready);
  }

  @Override
  public void interest(int events) {
    long result = change(events);
    if (result < 0 && result != -Errno.EBADF) {
      retry(events, (int) -result);
    }
  }

  /**
   * Tries again later: adding a descriptor back fails if the kernel is out of memory, or the user
   * watches too many descriptors (/proc/sys/fs/epoll/max_user_watches), and nothing else would.
   */
  private void retry(int events, int errno) {
    errors++;
    if (Long.bitCount(errors) == 1) {
      LOG.warn(
          "cannot watch {}: {} ({}); trying again later",
          fd,
          Errno.name(errno),
          Errno.describe(errno));
    }
    synchronized (this) {
      afterPause = events;
      paused = !closed;
    }
    try {
      loop.schedule(PAUSE_NANOS, this::endPause);
    } catch (RejectedExecutionException closing) {
      // The loop ends, and all of its watches with it.
    }
  }

  private void endPause() {
    int wanted;
    synchronized (this) {
      if (!paused) {
        return;
      }
      paused = false;
      wanted = afterPause;
    }
    interest(wanted);
  }

  synchronized long change(int events) {
    if (paused) {
      afterPause = events;
      return 0;
    }
    if (closed || events == registered) {
      return 0;
    }
    int operation =
        registered == 0
            ? Linux.EPOLL_CTL_ADD()
            : events == 0 ? Linux.EPOLL_CTL_DEL() : Linux.EPOLL_CTL_MOD();
    long result = table.epoll().control(operation, fd, events, slot, id);
    if (result >= 0) {
      registered = events;
    }
    return result;
  }

  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      paused = false;
      // If the descriptor is already closed, the kernel has removed it from the set.
      change(0);
      registered = 0;
      closed = true;
    }
    table.remove(this);
  }
}
