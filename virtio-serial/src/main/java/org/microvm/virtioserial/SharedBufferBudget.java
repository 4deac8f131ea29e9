package org.microvm.virtioserial;

import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The memory that all devices of a process together may use for the bytes they keep: the guests of
 * one process must not use up what the JVM allows outside its heap. A device that finds it used up
 * is notified when enough memory is free again.
 *
 * <p>Any thread may call.
 */
final class SharedBufferBudget {
  /**
   * The pool of this process: a third of what the JVM allows outside its heap. A ring that grows
   * holds its old memory, half of the new, until its bytes are copied and the collector has run.
   */
  static final SharedBufferBudget OF_PROCESS =
      new SharedBufferBudget(Runtime.getRuntime().maxMemory() / 3);

  /**
   * Devices are notified once one part in this many is free: a guest that frees a little again and
   * again must not keep all others busy.
   */
  private static final int ENOUGH = 8;

  private final long limit;
  private final AtomicLong used = new AtomicLong();
  private final Set<BufferBudget> waiting = ConcurrentHashMap.newKeySet();

  /**
   * @param limit bytes of memory
   */
  SharedBufferBudget(long limit) {
    this.limit = limit;
  }

  /** Returns the most memory that is used, in bytes. */
  long limit() {
    return limit;
  }

  /** Returns the bytes of memory that are not used. */
  long available() {
    return Math.max(0, limit - used.get());
  }

  /** Counts memory as used, even beyond the limit. */
  void take(long bytes) {
    used.addAndGet(bytes);
  }

  /** Frees memory and notifies the devices that wait for it. */
  void release(long bytes) {
    used.addAndGet(-bytes);
    wakeIfEnough();
  }

  /** Notifies a device once when memory is free again. */
  void await(BufferBudget device) {
    waiting.add(device);
    wakeIfEnough(); // It may have been freed meanwhile.
  }

  private void wakeIfEnough() {
    if (waiting.isEmpty() || available() < limit / ENOUGH) {
      return;
    }
    for (BufferBudget device : List.copyOf(waiting)) {
      if (waiting.remove(device)) {
        device.wake();
      }
    }
  }
}
