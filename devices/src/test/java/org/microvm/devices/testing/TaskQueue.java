package org.microvm.devices.testing;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** Stands in for the event loop: keeps tasks until the test runs them. */
public final class TaskQueue implements Executor {
  private static final long PATIENCE_SECONDS = 10;

  private final BlockingQueue<Runnable> tasks = new LinkedBlockingQueue<>();

  @Override
  public void execute(Runnable task) {
    tasks.add(task);
  }

  /** The number of waiting tasks. */
  public int size() {
    return tasks.size();
  }

  /** Waits until there is a task, without running it. */
  public void awaitTask() {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
    while (tasks.isEmpty()) {
      if (System.nanoTime() - deadline > 0) {
        throw new AssertionError("no task was submitted in time");
      }
      LockSupport.parkNanos(100_000);
    }
  }

  /** Runs the next task on the calling thread; waits for one if there is none yet. */
  public void runNext() {
    try {
      Runnable task = tasks.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
      if (task == null) {
        throw new AssertionError("no task was submitted in time");
      }
      task.run();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
