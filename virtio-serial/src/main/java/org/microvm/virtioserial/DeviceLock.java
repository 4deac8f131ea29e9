package org.microvm.virtioserial;

import java.util.concurrent.locks.ReentrantLock;

/**
 * The lock that guards all state of the device, before and after its activation by the guest.
 *
 * <p>The transport's lock is known only once the device is connected to a transport, but ports may
 * be added and host programs may connect before that. So there is an inner lock, and the
 * transport's lock is taken before it as soon as it is known. A thread that entered without the
 * transport's lock saw a device that was never activated, and activation needs the inner lock; so
 * no queue is touched without the transport's lock.
 */
final class DeviceLock {
  private final ReentrantLock inner = new ReentrantLock();
  private volatile ReentrantLock transport;

  /** Sets the lock that the transport holds when it calls the device. It must never change. */
  void bind(ReentrantLock lock) {
    transport = lock;
  }

  /**
   * Takes both locks.
   *
   * @return the argument for {@link #exit}
   */
  ReentrantLock enter() {
    if (inner.isHeldByCurrentThread()) {
      // A thread that entered without the transport's lock must not take it now: that lock comes
      // first, and the thread that holds it may be waiting for this one.
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

  /** Releases what {@link #enter} took. */
  void exit(ReentrantLock outer) {
    inner.unlock();
    if (outer != null) {
      outer.unlock();
    }
  }
}
