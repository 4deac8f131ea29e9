package org.microvm.virtioserial;

import org.microvm.linux.EventLoop;

/** The time, and a way to be called later; so that tests need not wait. */
interface Clock {
  /** Nanoseconds since some moment; may be negative and wrap around. */
  long nanoTime();

  /** Runs a task on the event loop after so many nanoseconds. */
  void schedule(long nanos, Runnable task);

  /** The time of this machine. */
  static Clock of(EventLoop loop) {
    return new Clock() {
      @Override
      public long nanoTime() {
        return System.nanoTime();
      }

      @Override
      public void schedule(long nanos, Runnable task) {
        loop.schedule(nanos, task);
      }
    };
  }
}
