package org.microvm.virtioserial;

import java.util.ArrayList;
import java.util.List;
import org.microvm.linux.EventLoop;

/** A time that passes only when the test says so. */
final class ManualClock implements Clock {
  private record Due(long at, Runnable task) {}

  private final EventLoop loop;
  private final List<Due> timers = new ArrayList<>();

  private long readings;

  /** Close to the end of what 64 bits hold, so that it wraps around while the test runs. */
  private long now = Long.MAX_VALUE - 1_000_000;

  ManualClock(EventLoop loop) {
    this.loop = loop;
  }

  @Override
  public synchronized long nanoTime() {
    readings++;
    return now;
  }

  /** How often the device has looked at the time. */
  synchronized long readings() {
    return readings;
  }

  @Override
  public synchronized void schedule(long nanos, Runnable task) {
    timers.add(new Due(now + nanos, task));
  }

  /** How many timers are set. */
  synchronized int pending() {
    return timers.size();
  }

  /** Lets time pass; what is due by then happens on the loop. */
  synchronized void advanceMillis(long millis) {
    now += millis * 1_000_000;
    List<Due> due = timers.stream().filter(timer -> timer.at() - now <= 0).toList();
    timers.removeAll(due);
    due.forEach(timer -> loop.execute(timer.task()));
  }
}
