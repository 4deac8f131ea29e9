package org.microvm.machine.vm;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * The parts of something that is made step by step. They are closed in reverse order, all of them,
 * even if some cannot be closed. Used by one thread at a time.
 */
final class OwnedParts implements AutoCloseable {
  private final Deque<AutoCloseable> parts = new ArrayDeque<>();

  /** Adds a part, which is closed before those that were added earlier, and returns it. */
  <T extends AutoCloseable> T own(T part) {
    parts.addFirst(part);
    return part;
  }

  /** Adds a part that is closed after all others. */
  void ownToTheEnd(AutoCloseable part) {
    parts.addLast(part);
  }

  /**
   * Closes the parts. A second call does nothing.
   *
   * @throws IllegalStateException if a part could not be closed; the failures of others are
   *     suppressed exceptions of the first. An {@link Error} is thrown as it is.
   */
  @Override
  public void close() {
    Throwable first = null;
    for (AutoCloseable part = parts.poll(); part != null; part = parts.poll()) {
      Throwable failure = failureToClose(part);
      if (first == null) {
        first = failure;
      } else if (failure != null) {
        first.addSuppressed(failure);
      }
    }
    switch (first) {
      case null -> {}
      case Error error -> throw error;
      default -> throw (IllegalStateException) first;
    }
  }

  private static Throwable failureToClose(AutoCloseable part) {
    try {
      part.close();
      return null;
    } catch (Error e) {
      return e;
    } catch (Exception e) {
      return new IllegalStateException("closing " + part, e);
    }
  }
}
