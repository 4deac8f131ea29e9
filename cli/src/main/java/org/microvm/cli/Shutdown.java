package org.microvm.cli;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Runs clean-up work once before the process ends, whether by itself or by a signal.
 *
 * <p>The JVM runs it as a shutdown hook on SIGTERM, SIGINT and SIGHUP. A second call waits for the
 * first, so that the process does not end before the work is done. Create it before the resources
 * that the work releases, and create those in {@link #during}: a signal can arrive at any time.
 */
final class Shutdown implements Runnable {
  private static final Set<Shutdown> PENDING = ConcurrentHashMap.newKeySet();

  /** How long a signal waits for a step that it cannot interrupt, such as opening a FIFO. */
  private static final long STEP_SECONDS = 5;

  private final Runnable work;
  private final AtomicBoolean begun = new AtomicBoolean();

  /** Held during a step, and while the work is done. */
  private final ReentrantLock lock = new ReentrantLock();

  private volatile Runnable interruption = () -> {};
  private AutoCloseable resource;
  private volatile boolean done;

  /** A step that makes something, and stores it where the work finds it. */
  @FunctionalInterface
  interface Step {
    /** Makes it. */
    void run() throws Exception;
  }

  Shutdown(Runnable work) {
    this(work, false);
  }

  /**
   * @param work what is done once
   * @param signalsAreSuccess whether the status of the process is 0 if a signal is why the work is
   *     done
   */
  Shutdown(Runnable work, boolean signalsAreSuccess) {
    this.work = work;
    PENDING.add(this);
    Thread hook = new Thread(() -> atShutdown(signalsAreSuccess), "shutdown");
    Runtime.getRuntime().addShutdownHook(hook);
  }

  /** Runs all work that has not been done yet, for a process that ends without the JVM's hooks. */
  static void runAll() {
    PENDING.forEach(Shutdown::run);
  }

  private void atShutdown(boolean signalsAreSuccess) {
    // A program that ends by itself has run the work, or has begun to.
    boolean signal = !begun.getAndSet(true);
    boolean locked = awaitStep();
    try {
      work();
    } finally {
      if (locked) {
        lock.unlock();
      }
    }
    if (signal && signalsAreSuccess) {
      Runtime.getRuntime().halt(0);
    }
  }

  /** Waits for the end of a step; returns whether the lock is held then. */
  private boolean awaitStep() {
    if (lock.tryLock()) {
      return true;
    }
    interruption.run();
    try {
      if (lock.tryLock(STEP_SECONDS, TimeUnit.SECONDS)) {
        return true;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (done) {
      // It was no step, but the work itself.
      lock.lock();
      return true;
    }
    return false;
  }

  /**
   * Runs a step, of which a signal awaits the end before the work is done. After a signal no step
   * runs, what one throws is not reported, and this call does not return.
   */
  void during(Step step) throws Exception {
    lock.lock();
    try {
      if (!begun.get()) {
        step.run();
      }
      if (!begun.get()) {
        return;
      }
    } catch (Exception e) {
      if (!begun.get()) {
        throw e;
      }
    } finally {
      lock.unlock();
    }
    // Waits for the end of the JVM, whose status is that of the signal.
    System.exit(Main.FAILED);
  }

  /** Sets what a signal does to a step that waits, so that the step ends; on another thread. */
  void interruptBy(Runnable action) {
    interruption = action;
  }

  /** Whether the work has begun, by a signal or otherwise. */
  boolean hasBegun() {
    return begun.get();
  }

  /** Sets a resource that is closed before the work runs; null for none. */
  void alsoClose(AutoCloseable first) {
    lock.lock();
    try {
      resource = first;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void run() {
    begun.set(true);
    lock.lock();
    try {
      work();
    } finally {
      lock.unlock();
    }
  }

  private void work() {
    if (done) {
      return;
    }
    done = true;
    PENDING.remove(this);
    try {
      if (resource != null) {
        resource.close();
      }
      work.run();
    } catch (Exception e) {
      System.err.println("microvm: " + e.getMessage());
    }
  }
}
