package org.microvm.virtioserial;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.locks.ReentrantLock;
import org.microvm.devices.virtio.VirtioQueues;
import org.microvm.devices.virtio.VirtqueueException;
import org.microvm.linux.EventLoop;
import org.microvm.linux.IovecArray;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The objects that all parts of one device share: lock, event loop, clock, listeners and scratch
 * memory.
 */
final class DeviceContext {
  /** Work on queues that runs with the device lock held. */
  @FunctionalInterface
  interface Step {
    void run() throws VirtqueueException;
  }

  /** A query that runs with the device lock held. */
  @FunctionalInterface
  interface Query<T, E extends Exception> {
    T run() throws E;
  }

  /**
   * Ranges in one readv or writev: enough for two rings full of one-page buffers, as Linux posts
   * them.
   */
  private static final int RANGES = 128;

  private static final Logger LOG = LoggerFactory.getLogger(DeviceContext.class);

  private static final int DISCARD_BYTES = 64 * 1024;

  private final DeviceLock lock = new DeviceLock();
  private final EventLoop loop;
  private final Clock clock;
  private final PortListeners listeners;
  private final BufferBudget budget;
  private final IovecArray ranges = new IovecArray(RANGES);

  /** Null until bytes are dropped for the first time. */
  private MemorySegment discardBuffer;

  private VirtioQueues queues;

  DeviceContext(EventLoop loop, Clock clock, BufferBudget budget) {
    this.loop = loop;
    this.clock = clock;
    this.budget = budget;
    listeners = new PortListeners(this::execute);
    budget.connect(task -> execute(() -> locked(task::run)));
  }

  EventLoop loop() {
    return loop;
  }

  Clock clock() {
    return clock;
  }

  /** Returns the memory for the bytes that ports keep; guarded by the device lock. */
  BufferBudget budget() {
    return budget;
  }

  DeviceLock lock() {
    return lock;
  }

  PortListeners listeners() {
    return listeners;
  }

  /** Returns an empty scratch array for use within one call; guarded by the device lock. */
  IovecArray ranges() {
    ranges.clear();
    return ranges;
  }

  /** Returns the scratch array with room for bytes that are read only to be dropped. */
  IovecArray discardRanges() {
    if (discardBuffer == null) {
      discardBuffer = Arena.ofAuto().allocate(DISCARD_BYTES);
    }
    ranges.clear();
    ranges.add(discardBuffer.address(), discardBuffer.byteSize());
    return ranges;
  }

  /** Returns the queues, or null while the driver has not activated the device. */
  VirtioQueues queues() {
    return queues;
  }

  void queues(VirtioQueues active) {
    queues = active;
  }

  /** Schedules a task on the loop. After the loop is closed the task is dropped. */
  void execute(Runnable task) {
    try {
      loop.execute(task);
    } catch (RejectedExecutionException e) {
      // The VM is ending: only resources are still to be released, which needs no loop.
      LOG.debug("task dropped: {}", e.getMessage());
    }
  }

  /** Runs a step with the lock held, and reports a ring that the guest broke to the transport. */
  void locked(Step step) {
    ReentrantLock outer = lock.enter();
    try {
      step.run();
    } catch (VirtqueueException e) {
      failed(e);
    } finally {
      lock.exit(outer);
    }
  }

  /** Runs a query with the lock held and returns its result. */
  <T, E extends Exception> T query(Query<T, E> query) throws E {
    ReentrantLock outer = lock.enter();
    try {
      return query.run();
    } finally {
      lock.exit(outer);
    }
  }

  /**
   * Reports that the guest broke a ring, which stops all queues of the device. The lock must be
   * held.
   */
  void failed(VirtqueueException cause) {
    queues.fail(cause);
  }
}
