package org.microvm.machine;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.microvm.machine.config.MachineException;

/**
 * The guests of a {@link GuestPool} that are ready, and the numbers of those that exist: decides
 * which callers wait, and when another guest is started. Any thread may call.
 *
 * @param <G> the guests
 */
final class ReadyGuests<G> {
  /**
   * How long a start waits after a take, if enough guests are ready. A start would use the
   * processors on which the guest that was taken does its first work: where KVM emulates a guest's
   * kernel, its agent then needs twice the time to answer.
   */
  private static final long REST_MILLIS = 50;

  private final PoolLimits limits;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  /** All below is guarded by the lock. */
  private final Deque<G> ready = new ArrayDeque<>();

  private int starting;

  /** {@link System#nanoTime} of the last take. */
  private long taken = System.nanoTime() - TimeUnit.MILLISECONDS.toNanos(REST_MILLIS);

  /** Guests that are ready or taken, and not closed yet. */
  private int alive;

  /** Guests that are being closed in the background. */
  private int discarding;

  /** Why the last start failed; no guest is started until {@link #take} has reported it. */
  private Exception failure;

  private boolean closed;

  ReadyGuests(PoolLimits limits) {
    this.limits = limits;
  }

  /**
   * Takes a guest out; if none is ready, waits until one is.
   *
   * @throws MachineException if one more would exceed a limit, or guests cannot be started
   * @throws IllegalStateException if the pool is closed
   */
  G take() throws MachineException, InterruptedException {
    lock.lockInterruptibly();
    try {
      while (true) {
        if (closed) {
          throw new IllegalStateException("the pool is closed");
        }
        G guest = ready.poll();
        if (guest != null) {
          taken = System.nanoTime();
          return guest;
        }
        reportFailure();
        if (starting == 0 && discarding == 0 && alive >= limits.capacity()) {
          throw limits.refusal();
        }
        changed.await();
      }
    } finally {
      lock.unlock();
    }
  }

  private void reportFailure() throws MachineException {
    if (failure != null) {
      Exception why = failure;
      failure = null;
      changed.signalAll();
      throw new MachineException("the pool cannot start a guest: " + why.getMessage(), why);
    }
  }

  /** Wakes the starters, after the guest that was taken runs. */
  void wakeStarters() {
    change(() -> {});
  }

  /** Waits until a guest is to be started; returns false if the pool is closed. */
  boolean awaitPlace() {
    lock.lock();
    try {
      while (!closed) {
        long rest = needsGuest() ? restNanos() : Long.MAX_VALUE;
        if (rest <= 0) {
          starting++;
          return true;
        }
        try {
          changed.awaitNanos(rest);
        } catch (InterruptedException e) {
          // Only close interrupts, and the loop sees that the pool is closed.
          continue;
        }
      }
      return false;
    } finally {
      lock.unlock();
    }
  }

  private boolean needsGuest() {
    return failure == null
        && ready.size() + starting < limits.ready()
        && alive + starting < limits.capacity();
  }

  /** How long a start waits for the guest that was taken last; not positive for no time. */
  private long restNanos() {
    boolean enough = !ready.isEmpty() && 2 * ready.size() >= limits.ready();
    long passed = System.nanoTime() - taken;
    return enough ? TimeUnit.MILLISECONDS.toNanos(REST_MILLIS) - passed : 0;
  }

  /** Adds a guest for which {@link #awaitPlace} has found a place. */
  void add(G guest) {
    change(
        () -> {
          starting--;
          alive++;
          ready.add(guest);
        });
  }

  /** Frees such a place, because the guest could not be started. */
  void failed(Exception why) {
    change(
        () -> {
          starting--;
          failure = why;
        });
  }

  /** Records that a guest was closed, by its user or by the pool. */
  void gone() {
    change(() -> alive--);
  }

  /**
   * Begins to close a guest that was taken, in the background.
   *
   * @param begin starts that; {@link #discarded} ends it
   * @return false if the pool is closed, and nothing was begun
   */
  boolean discard(Runnable begin) {
    lock.lock();
    try {
      if (closed) {
        return false;
      }
      begin.run();
      discarding++;
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** Records that a guest has been closed in the background. */
  void discarded() {
    change(() -> discarding--);
  }

  /** Ends all waits; returns false if that was done before. */
  boolean close() {
    lock.lock();
    try {
      boolean first = !closed;
      closed = true;
      changed.signalAll();
      return first;
    } finally {
      lock.unlock();
    }
  }

  /** Takes out a guest of a closed pool; null if none is left. */
  G poll() {
    lock.lock();
    try {
      return ready.poll();
    } finally {
      lock.unlock();
    }
  }

  int ready() {
    lock.lock();
    try {
      return ready.size();
    } finally {
      lock.unlock();
    }
  }

  int alive() {
    lock.lock();
    try {
      return alive;
    } finally {
      lock.unlock();
    }
  }

  private void change(Runnable step) {
    lock.lock();
    try {
      step.run();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
