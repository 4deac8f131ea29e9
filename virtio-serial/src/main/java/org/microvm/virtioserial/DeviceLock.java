package org.microvm.virtioserial;

import java.util.concurrent.locks.ReentrantLock;

/**
 * Guards all state of the device, whether the guest has set it up or not.
 *
 * <p>The transport's lock is known only once the device is behind one, but ports may be added and
 * hosts connect before that. So there is an inner lock, and the transport's is taken first wherever
 * it is known. Whoever got in without it saw a device that was never activated, and that needs the
 * inner lock, so no queue is touched without the transport's lock.
 */
final class DeviceLock {
  private final ReentrantLock inner = new ReentrantLock();
  private volatile ReentrantLock transport;

  /** Says which lock the transport holds when it calls the device; the same one every time. */
  void bind(ReentrantLock lock) {
    transport = lock;
  }

  /**
   * Takes both locks.
   *
   * @return what to hand to {@link #exit}
   */
  ReentrantLock enter() {
    if (inner.isHeldByCurrentThread()) {
      // Whoever got in without the transport's lock must not take it now: it comes first, and the
      // thread that holds it may be waiting for this one.
      inner.lock();
      return null;
    }
    for (; ; ) {
      ReentrantLock outer = transport;
      if (outer != null) {
        outer.lock();
      }
      inner.lock();
      if (outer == transport) {
        return outer;
      }
      exit(outer);
    }
  }

  /** Gives back what {@link #enter} took. */
  void exit(ReentrantLock outer) {
    inner.unlock();
    if (outer != null) {
      outer.unlock();
    }
  }
}
