package org.microvm.linux;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The turns that an {@link EventLoop} takes on the thread of another one, its carrier. The carrier
 * watches the loop's epoll set as it watches any descriptor (epoll(7): a set is ready if one of its
 * descriptors is), and gives the loop a turn when the set is ready, a task waits or a timer is due.
 * The kernel reports sets that stay ready in rotation, so the loops of a carrier take turns.
 */
final class CarriedTurns implements LoopTurns {
  private static final Logger LOG = LoggerFactory.getLogger(EventLoop.class);

  /** Most descriptors that are served in one turn. */
  static final int MAX = 8;

  private static final long END_NANOS = TimeUnit.SECONDS.toNanos(5);

  private final EventLoop loop;
  private final EventLoop carrier;
  private final EventLoop.Watch watch;
  private final AtomicBoolean requested = new AtomicBoolean();
  private final CountDownLatch ended = new CountDownLatch(1);
  private final Runnable requestedTurn = this::requestedTurn;
  private volatile boolean running;

  /** All below is only for the carrier's thread. */
  private boolean inTurn;

  private boolean suspended;
  private EventLoop.Timer timer;
  private long timerNanos;

  CarriedTurns(EventLoop loop, Fd epoll, EventLoop carrier) throws ErrnoException {
    this.loop = loop;
    this.carrier = carrier;
    watch = carrier.watch(epoll, 0, events -> turn());
  }

  @Override
  public void prepare() {
    // The carrier has a thread.
  }

  @Override
  public void start() {
    running = true;
    watch.interest(EventLoop.IN);
    request();
  }

  @Override
  public boolean isRunning() {
    return running;
  }

  @Override
  public boolean inTurn() {
    return carrier.inLoop() && inTurn;
  }

  @Override
  public void request() {
    if (running && requested.compareAndSet(false, true)) {
      try {
        carrier.execute(requestedTurn);
      } catch (RejectedExecutionException closedCarrier) {
        // The loop's tasks are dropped when it is closed.
      }
    }
  }

  @Override
  public void acknowledge() {
    // A request is a task of the carrier, not an event of the loop's epoll set.
  }

  private void requestedTurn() {
    requested.set(false);
    turn();
  }

  private void turn() {
    if (!running || suspended) {
      return;
    }
    inTurn = true;
    try {
      loop.turn(MAX, 0);
    } finally {
      inTurn = false;
    }
    int next = loop.timeoutMillis();
    if (loop.isStopping()) {
      end();
    } else if (next == 0) {
      request();
    } else if (next > 0) {
      arrange(TimeUnit.MILLISECONDS.toNanos(next));
    }
  }

  /** Arranges a turn on the carrier for when the loop's next timer is due. */
  private void arrange(long nanos) {
    long at = System.nanoTime() + nanos;
    if (timer != null && timerNanos - at <= 0) {
      return; // A turn that comes early arranges the next one.
    }
    if (timer != null) {
      timer.cancel();
    }
    timerNanos = at;
    timer = carrier.schedule(nanos, this::timerIsDue);
  }

  private void timerIsDue() {
    timer = null;
    turn();
  }

  /** Takes no turn until {@link #resume}; the argument is called once that is so. */
  void suspend(Runnable whenSuspended) {
    carrier.execute(
        () -> {
          suspended = true;
          watch.interest(0);
          whenSuspended.run();
        },
        whenSuspended);
  }

  void resume() {
    carrier.execute(
        () -> {
          suspended = false;
          if (running) {
            watch.interest(EventLoop.IN);
            turn();
          }
        },
        () -> {});
  }

  @Override
  public void close(boolean prepared) {
    if (carrier.inLoop()) {
      if (!inTurn) { // Otherwise the loop ends with this turn.
        end();
      }
      return;
    }
    carrier.execute(this::end, this::end);
    if (!awaitEnd()) {
      LOG.error("event loop {} has not stopped within 5 seconds", loop.name());
    }
  }

  private void end() {
    if (ended.getCount() == 0) {
      return;
    }
    watch.close();
    if (timer != null) {
      timer.cancel();
    }
    running = false;
    loop.release();
    ended.countDown();
  }

  private boolean awaitEnd() {
    boolean interrupted = false;
    long deadline = System.nanoTime() + END_NANOS;
    try {
      while (true) {
        try {
          return ended.await(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException wait) {
          interrupted = true;
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
