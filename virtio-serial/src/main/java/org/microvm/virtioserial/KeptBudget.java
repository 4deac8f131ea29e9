package org.microvm.virtioserial;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * The memory that all ports of a device together may use for the bytes they keep. A ring that finds
 * it spent is full, whatever its own limit, so that its sender is held back; it is notified when
 * memory is free again.
 *
 * <p>A ring's first page is not counted: it lets every port keep a little, however much others
 * keep. Guarded by the device lock.
 */
final class KeptBudget {
  private final long limit;
  private long used;

  /** The tasks to run once memory is free again. */
  private final Set<Runnable> waiting = new LinkedHashSet<>();

  /**
   * @param limit bytes of memory
   */
  KeptBudget(long limit) {
    this.limit = limit;
  }

  /**
   * Returns the budget of a device in this process: what is wanted, or a third of the memory that
   * the JVM allows outside its heap if that is less. A ring that grows holds its old memory, half
   * of the new, until its bytes are copied and the collector has run.
   *
   * @param wanted bytes of memory
   */
  static KeptBudget ofProcess(long wanted) {
    return new KeptBudget(Math.min(wanted, Runtime.getRuntime().maxMemory() / 3));
  }

  /** Returns the most memory that is used, in bytes. */
  long limit() {
    return limit;
  }

  /** Returns the bytes of memory that are not used. */
  long available() {
    return Math.max(0, limit - used);
  }

  /** Uses memory, which is possible beyond the limit too. */
  void take(long bytes) {
    used += bytes;
  }

  /** Frees memory and runs the tasks that wait for it. */
  void release(long bytes) {
    used -= bytes;
    if (bytes > 0 && !waiting.isEmpty()) {
      List<Runnable> all = new ArrayList<>(waiting);
      waiting.clear();
      all.forEach(Runnable::run);
    }
  }

  /** Runs {@code onRoom} once when memory is freed. It must not use the budget at once. */
  void await(Runnable onRoom) {
    waiting.add(onRoom);
  }

  /** Removes the task of an {@link #await}. */
  void cancel(Runnable onRoom) {
    waiting.remove(onRoom);
  }
}
