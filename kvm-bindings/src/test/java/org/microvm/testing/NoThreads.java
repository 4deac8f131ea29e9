package org.microvm.testing;

/**
 * Makes every start of a thread by the current thread fail, as on a host that has no more threads,
 * until this is closed on the same thread.
 *
 * <p>A new thread inherits variables of the thread that creates it, and the variable here throws an
 * error.
 */
public final class NoThreads implements AutoCloseable {
  /** The message of the JVM's error. */
  public static final String MESSAGE = "unable to create native thread";

  private static final InheritableThreadLocal<Boolean> REFUSED =
      new InheritableThreadLocal<>() {
        @Override
        protected Boolean childValue(Boolean ofParent) {
          throw new OutOfMemoryError(MESSAGE);
        }
      };

  private NoThreads() {}

  /** Begins on the current thread. */
  public static NoThreads here() {
    REFUSED.set(true);
    return new NoThreads();
  }

  @Override
  public void close() {
    REFUSED.remove();
  }
}
