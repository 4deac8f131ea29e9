package org.microvm.cli;

/**
 * Runs clean-up work once before the process ends, whether by itself or by a signal.
 *
 * <p>The JVM runs it as a shutdown hook on SIGTERM, SIGINT and SIGHUP. A second call waits for the
 * first, so that the process does not end before the work is done.
 */
final class Shutdown implements Runnable {
  private final Runnable work;
  private AutoCloseable resource;
  private boolean done;

  Shutdown(Runnable work) {
    this(work, () -> {});
  }

  /**
   * @param work what is done once
   * @param last what the process does at its very end, after a signal or an exit
   */
  Shutdown(Runnable work, Runnable last) {
    this.work = work;
    Thread hook =
        new Thread(
            () -> {
              run();
              last.run();
            },
            "shutdown");
    Runtime.getRuntime().addShutdownHook(hook);
  }

  /** Sets a resource that is closed before the work runs; null for none. */
  synchronized void alsoClose(AutoCloseable first) {
    resource = first;
  }

  @Override
  public synchronized void run() {
    if (done) {
      return;
    }
    done = true;
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
