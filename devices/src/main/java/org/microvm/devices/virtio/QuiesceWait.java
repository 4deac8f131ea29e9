package org.microvm.devices.virtio;

import java.util.concurrent.locks.ReentrantLock;

/**
 * Waits until a device's own threads no longer use chains. The device lock is released meanwhile,
 * so that a slow disk does not stop the event loop, which needs the lock for a notification. All
 * methods are called with the lock held.
 */
final class QuiesceWait {
  private final VirtioDevice device;
  private final ReentrantLock lock;
  private boolean waiting;

  QuiesceWait(VirtioDevice device, ReentrantLock lock) {
    this.device = device;
    this.lock = lock;
  }

  /** Whether another thread waits, or the machine has ended before the device's threads did. */
  boolean isWaiting() {
    return waiting;
  }

  /**
   * Waits.
   *
   * @return false if the machine ends first
   */
  boolean await() {
    if (device.isQuiesced()) {
      return true;
    }
    waiting = true;
    int holds = lock.getHoldCount();
    for (int i = 0; i < holds; i++) {
      lock.unlock();
    }
    boolean quiesced = false;
    try {
      quiesced = device.awaitQuiesced();
    } finally {
      for (int i = 0; i < holds; i++) {
        lock.lock();
      }
      waiting = !quiesced;
    }
    return quiesced;
  }
}
