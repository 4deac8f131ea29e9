package org.microvm.virtioserial;

import java.util.ArrayList;
import java.util.List;
import org.microvm.linux.EventLoop;

/** A clock that the test advances. */
final class ManualClock implements Clock {
  private record Due(long at, Runnable task) {}

  private final EventLoop loop;
  private final List<Due> timers = new ArrayList<>();

  private long readings;

  /** Starts close to the largest 64-bit value, so that the time wraps around during the test. */
  private long now = Long.MAX_VALUE - 1_000_000;

  ManualClock(EventLoop loop) {
    this.loop = loop;
  }

  @Override
  public synchronized long nanoTime() {
    readings++;
    return now;
  }

  /** Returns how often the device has read the time. */
  synchronized long readings() {
    return readings;
  }

  @Override
  public synchronized void schedule(long nanos, Runnable task) {
    timers.add(new Due(now + nanos, task));
  }

  /** Returns the number of timers that are set. */
  synchronized int pending() {
    return timers.size();
  }

  /** Advances the time and runs the timers that are due on the loop. */
  synchronized void advanceMillis(long millis) {
    now += millis * 1_000_000;
    List<Due> due = timers.stream().filter(timer -> timer.at() - now <= 0).toList();
    timers.removeAll(due);
    due.forEach(timer -> loop.execute(timer.task()));
  }
}
