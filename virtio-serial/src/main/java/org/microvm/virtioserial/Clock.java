package org.microvm.virtioserial;

import org.microvm.linux.EventLoop;

/** The time and timers, behind an interface so that tests need not wait. */
interface Clock {
  /** Returns nanoseconds since an arbitrary moment; the value may be negative and wrap around. */
  long nanoTime();

  /** Runs a task on the event loop after {@code nanos} nanoseconds. */
  void schedule(long nanos, Runnable task);

  /** Returns the clock of the host, with timers of the event loop. */
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
