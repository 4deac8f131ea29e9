package org.microvm.devices.legacy;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.microvm.linux.EventLoop;

/** A clock that only a test advances; it runs the tasks that are due then. */
final class FakeTime implements InstantSource, CmosRtc.Timers {
  private final List<Task> tasks = new ArrayList<>();
  private Instant now;

  private record Task(Instant due, Runnable action) {}

  FakeTime(String start) {
    now = Instant.parse(start);
  }

  @Override
  public Instant instant() {
    return now;
  }

  @Override
  public EventLoop.Timer schedule(long delayNanos, Runnable action) {
    Task task = new Task(now.plusNanos(delayNanos), action);
    tasks.add(task);
    return () -> tasks.remove(task);
  }

  /** The number of tasks that wait. */
  int waiting() {
    return tasks.size();
  }

  /** Lets time pass, and runs each task when it is due. */
  void advance(Duration time) {
    Instant end = now.plus(time);
    for (Optional<Task> next = due(end); next.isPresent(); next = due(end)) {
      tasks.remove(next.get());
      now = next.get().due();
      next.get().action().run();
    }
    now = end;
  }

  /** Sets the clock without running tasks, as a host's clock is set. */
  void set(String time) {
    now = Instant.parse(time);
  }

  private Optional<Task> due(Instant end) {
    return tasks.stream()
        .filter(task -> !task.due().isAfter(end))
        .min((one, other) -> one.due().compareTo(other.due()));
  }
}
