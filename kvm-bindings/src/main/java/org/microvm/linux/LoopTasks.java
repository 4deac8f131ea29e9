package org.microvm.linux;

import java.util.ArrayDeque;
import java.util.PriorityQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The tasks and timers of an {@link EventLoop}. Any thread adds them, the loop's thread runs them.
 * The queues themselves allocate nothing once they have grown.
 */
final class LoopTasks {
  private static final int NO_TIMEOUT = -1;
  private static final long MILLI = TimeUnit.MILLISECONDS.toNanos(1);

  /** 146 years; the difference to a timer that is overdue must not exceed a long. */
  private static final long MAX_DELAY = Long.MAX_VALUE / 2;

  private final String loopName;

  /** Guards the queues; never held while a task runs. */
  private final ReentrantLock lock = new ReentrantLock();

  private final PriorityQueue<ScheduledTask> timers = new PriorityQueue<>();
  private ArrayDeque<Runnable> waiting = new ArrayDeque<>();

  /** The tasks being run; for the loop's thread only. It swaps this queue with {@link #waiting}. */
  private ArrayDeque<Runnable> running = new ArrayDeque<>();

  /** The tasks to run when the loop is idle. */
  private final ArrayDeque<Runnable> idle = new ArrayDeque<>();

  private volatile boolean closed;

  /** Whether {@link #release} was called: nothing takes tasks from the queues any more. */
  private boolean released;

  /** A task with a replacement for a loop that ends before it has run the task. */
  private record TaskOrElse(Runnable task, Runnable dropped) implements Runnable {
    @Override
    public void run() {
      task.run();
    }
  }

  LoopTasks(String loopName) {
    this.loopName = loopName;
  }

  /**
   * Appends a task.
   *
   * @return whether it is the first one waiting, so that the loop must be woken
   */
  boolean add(Runnable task) {
    lock.lock();
    try {
      rejectIfClosed();
      boolean first = waiting.isEmpty();
      waiting.add(task);
      return first;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Appends a task, or runs its replacement once no handler of the loop runs any more.
   *
   * @return whether it is the first one waiting, so that the loop must be woken
   */
  boolean addOrElse(Runnable task, Runnable dropped) {
    lock.lock();
    try {
      if (!released) {
        boolean first = waiting.isEmpty();
        waiting.add(new TaskOrElse(task, dropped));
        return first;
      }
    } finally {
      lock.unlock();
    }
    runGuarded(dropped);
    return false;
  }

  /** Appends a task to run when the loop is idle. */
  void addIdle(Runnable task) {
    lock.lock();
    try {
      rejectIfClosed();
      idle.add(task);
    } finally {
      lock.unlock();
    }
  }

  EventLoop.Timer schedule(long delayNanos, Runnable task) {
    long delay = Math.clamp(delayNanos, 0, MAX_DELAY);
    ScheduledTask timer = new ScheduledTask(System.nanoTime() + delay, task);
    lock.lock();
    try {
      rejectIfClosed();
      timers.add(timer);
    } finally {
      lock.unlock();
    }
    return timer;
  }

  private void rejectIfClosed() {
    if (closed) {
      throw new RejectedExecutionException("event loop " + loopName + " is closed");
    }
  }

  /** How long the loop may wait for descriptors, in milliseconds; -1 for no limit. */
  int timeoutMillis() {
    lock.lock();
    try {
      if (!waiting.isEmpty() || !idle.isEmpty()) {
        return 0;
      }
      ScheduledTask next = timers.peek();
      if (next == null) {
        return NO_TIMEOUT;
      }
      // Rounded up: waking early would only cost one more round of the loop.
      long millis = Math.ceilDiv(Math.max(0, next.deadline - System.nanoTime()), MILLI);
      return (int) Math.min(millis, Integer.MAX_VALUE);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Runs the timers that are due and the tasks that are waiting now, but not tasks that these add.
   *
   * @return whether there were any
   */
  boolean run() {
    boolean any = false;
    long now = System.nanoTime();
    for (Runnable due = takeTimer(now); due != null; due = takeTimer(now)) {
      any = true;
      runGuarded(due);
    }
    lock.lock();
    try {
      // Swapped, so that a task that adds another one cannot starve the descriptors.
      ArrayDeque<Runnable> tasks = waiting;
      waiting = running;
      running = tasks;
    } finally {
      lock.unlock();
    }
    while (!closed && !running.isEmpty()) {
      any = true;
      runGuarded(running.poll());
    }
    return any;
  }

  /** Runs one of the tasks for an idle loop, unless other tasks are waiting by now. */
  void runIdle() {
    Runnable task;
    lock.lock();
    try {
      task = waiting.isEmpty() ? idle.poll() : null;
    } finally {
      lock.unlock();
    }
    if (task != null) {
      runGuarded(task);
    }
  }

  private Runnable takeTimer(long now) {
    lock.lock();
    try {
      ScheduledTask next = timers.peek();
      return next == null || next.deadline - now > 0 ? null : timers.poll().task;
    } finally {
      lock.unlock();
    }
  }

  private void runGuarded(Runnable task) {
    try {
      task.run();
    } catch (RuntimeException | Error failure) {
      LoopLog.error("a task on event loop {} failed", loopName, failure);
    }
  }

  /** Drops the timers, and rejects new ones and new tasks. No task begins any more. */
  void close() {
    lock.lock();
    try {
      closed = true;
      timers.clear();
      idle.clear();
    } finally {
      lock.unlock();
    }
  }

  /** Drops the tasks of a closed loop whose turns have ended, and runs their replacements. */
  void release() {
    close();
    drop(running);
    ArrayDeque<Runnable> rest;
    lock.lock();
    try {
      released = true;
      rest = waiting;
      waiting = new ArrayDeque<>();
    } finally {
      lock.unlock();
    }
    drop(rest);
  }

  private void drop(ArrayDeque<Runnable> tasks) {
    for (Runnable task = tasks.poll(); task != null; task = tasks.poll()) {
      if (task instanceof TaskOrElse pair) {
        runGuarded(pair.dropped());
      }
    }
  }

  /** A task in the timer queue. */
  private final class ScheduledTask implements EventLoop.Timer, Comparable<ScheduledTask> {
    private final long deadline;
    private final Runnable task;

    ScheduledTask(long deadline, Runnable task) {
      this.deadline = deadline;
      this.task = task;
    }

    @Override
    public void cancel() {
      lock.lock();
      try {
        timers.remove(this);
      } finally {
        lock.unlock();
      }
    }

    @Override
    public int compareTo(ScheduledTask other) {
      // By the difference, since System.nanoTime may wrap around.
      return Long.signum(deadline - other.deadline);
    }
  }
}
