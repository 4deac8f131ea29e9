package org.microvm.testing;

/**
 * Lets every start of a thread by the current thread fail, as on a host that has no more threads,
 * until this is closed on the same thread.
 *
 * <p>A thread that is made inherits variables of the one that makes it, and the one here refuses.
 */
public final class NoThreads implements AutoCloseable {
  /** What the JVM says. */
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
