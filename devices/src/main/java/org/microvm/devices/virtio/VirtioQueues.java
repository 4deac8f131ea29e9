package org.microvm.devices.virtio;

import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

/** What a device works with from DRIVER_OK to the next reset. */
public final class VirtioQueues {
  private final long features;
  private final Virtqueue[] queues;
  private final VirtioInterrupt interrupt;
  private final ReentrantLock lock;
  private final Consumer<VirtqueueException> onFailure;

  VirtioQueues(
      long features,
      Virtqueue[] queues,
      VirtioInterrupt interrupt,
      ReentrantLock lock,
      Consumer<VirtqueueException> onFailure) {
    this.features = features;
    this.queues = queues;
    this.interrupt = interrupt;
    this.lock = lock;
    this.onFailure = onFailure;
  }

  /** The feature bits that device and driver have agreed on. */
  public long features() {
    return features;
  }

  /** Whether all of {@code bits} were agreed on. */
  public boolean has(long bits) {
    return (features & bits) == bits;
  }

  /** Number of queues of the device, ready or not. */
  public int count() {
    return queues.length;
  }

  /** The queue, or null when the driver has not set it up. */
  public Virtqueue queue(int index) {
    return queues[index];
  }

  /** The way to the driver. */
  public VirtioInterrupt interrupt() {
    return interrupt;
  }

  /**
   * Makes what was added to the used ring visible and interrupts the driver if it wants that.
   *
   * @return whether it was interrupted
   */
  public boolean publish(Virtqueue queue) {
    boolean wanted = queue.publish();
    if (wanted) {
      interrupt.usedBuffers();
    }
    return wanted;
  }

  /** The device's one lock, to be held around all use of queues and device state. */
  public ReentrantLock lock() {
    return lock;
  }

  /**
   * Reports a broken ring found outside {@link VirtioDevice#notifyQueue}, from where it is simply
   * thrown: DEVICE_NEEDS_RESET is set and all queues of the device stop.
   */
  public void fail(VirtqueueException cause) {
    onFailure.accept(cause);
  }
}
