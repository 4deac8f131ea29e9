package org.microvm.cli;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Runs clean-up work once before the process ends, whether by itself or by a signal.
 *
 * <p>The JVM runs it as a shutdown hook on SIGTERM, SIGINT and SIGHUP. A second call waits for the
 * first, so that the process does not end before the work is done.
 */
final class Shutdown implements Runnable {
  private static final Set<Shutdown> PENDING = ConcurrentHashMap.newKeySet();

  private final Runnable work;
  private final AtomicBoolean begun = new AtomicBoolean();
  private AutoCloseable resource;
  private boolean done;

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
    work();
    if (signal && signalsAreSuccess) {
      Runtime.getRuntime().halt(0);
    }
  }

  /** Sets a resource that is closed before the work runs; null for none. */
  synchronized void alsoClose(AutoCloseable first) {
    resource = first;
  }

  @Override
  public void run() {
    begun.set(true);
    work();
  }

  private synchronized void work() {
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
