package org.microvm.virtioserial;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;

/**
 * The memory that all ports of a device together may use for the bytes they keep. While it is used
 * up, a ring is full even below its own limit, so that its sender has to wait; the ring is notified
 * when memory is free again. The memory is part of a {@link SharedBufferBudget}, which the devices
 * of a process share.
 *
 * <p>A ring's first page is not counted: so every port can keep some bytes even if the others use
 * up the memory. Guarded by the device lock.
 */
final class BufferBudget {
  /** The memory that a device may use even if the pool is used up, in bytes. */
  static final long OWN_BYTES = 128 << 10;

  private final long limit;
  private final SharedBufferBudget pool;
  private long used;

  /** Runs a task later, with the device's lock. */
  private Consumer<Runnable> later = task -> {};

  /** The tasks to run once memory is free again. */
  private final Set<Runnable> waiting = new LinkedHashSet<>();

  /**
   * @param limit bytes of memory
   */
  BufferBudget(long limit) {
    this(limit, new SharedBufferBudget(limit));
  }

  /**
   * @param limit bytes of memory
   * @param pool what the device shares with others
   */
  BufferBudget(long limit, SharedBufferBudget pool) {
    this.limit = limit;
    this.pool = pool;
  }

  /**
   * Returns the budget of a device in this process: the wanted size, or that of the process's pool
   * if it is smaller.
   *
   * @param wanted bytes of memory
   */
  static BufferBudget ofProcess(long wanted) {
    SharedBufferBudget pool = SharedBufferBudget.OF_PROCESS;
    return new BufferBudget(Math.min(wanted, pool.limit()), pool);
  }

  /**
   * Connects the budget to its device.
   *
   * @param executor runs a task later, with the device's lock
   */
  void connect(Consumer<Runnable> executor) {
    later = executor;
  }

  /** Returns the most memory that is used, in bytes. */
  long limit() {
    return limit;
  }

  /** Returns the bytes of memory that are not used. */
  long available() {
    long shared = Math.max(pool.available(), OWN_BYTES - used);
    return Math.max(0, Math.min(limit - used, shared));
  }

  /** Counts memory as used, even beyond the limit. */
  void take(long bytes) {
    used += bytes;
    pool.take(bytes);
  }

  /** Frees memory and runs the tasks that wait for it. */
  void release(long bytes) {
    used -= bytes;
    pool.release(bytes);
    if (bytes > 0) {
      runWaiting();
    }
  }

  private void runWaiting() {
    List<Runnable> all = new ArrayList<>(waiting);
    waiting.clear();
    all.forEach(Runnable::run);
  }

  /** Notifies the waiting rings that another device has freed memory; any thread may call. */
  void wake() {
    later.accept(this::runWaiting);
  }

  /** Runs {@code onRoom} once when memory is freed. It must not use the budget at once. */
  void await(Runnable onRoom) {
    waiting.add(onRoom);
    if (used < limit) {
      pool.await(this);
    }
  }

  /** Removes the task of an {@link #await}. */
  void cancel(Runnable onRoom) {
    waiting.remove(onRoom);
  }
}
