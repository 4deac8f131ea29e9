package org.microvm.machine.vm;

/** Waits for the end of threads whose work the waiting thread must not leave behind. */
public final class UninterruptedJoin {
  private UninterruptedJoin() {}

  /**
   * Waits until a thread has ended, without a time limit and even if the caller is interrupted.
   *
   * @param thread a thread that ends by itself
   * @return whether the caller was interrupted; it then has to interrupt itself again, once it has
   *     nothing left to wait for
   */
  public static boolean of(Thread thread) {
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    return interrupted;
  }
}
