package org.microvm.devices.virtio;

import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

/**
 * The queues and negotiated features that a device uses from DRIVER_OK (section 2.1) to the next
 * reset (section 2.4).
 */
public final class VirtioQueues {
  private final long features;
  private final Virtqueue[] queues;
  private final DriverNotifier notifier;
  private final ReentrantLock lock;
  private final Consumer<VirtqueueException> onFailure;

  VirtioQueues(
      long features,
      Virtqueue[] queues,
      DriverNotifier notifier,
      ReentrantLock lock,
      Consumer<VirtqueueException> onFailure) {
    this.features = features;
    this.queues = queues;
    this.notifier = notifier;
    this.lock = lock;
    this.onFailure = onFailure;
  }

  /** {@return the feature bits that device and driver have negotiated} */
  public long features() {
    return features;
  }

  /**
   * {@return whether all of some feature bits were negotiated}
   *
   * @param bits of {@link VirtioFeatures} or of the device type
   */
  public boolean has(long bits) {
    return (features & bits) == bits;
  }

  /** {@return the number of queues of the device, ready or not} */
  public int count() {
    return queues.length;
  }

  /**
   * {@return the queue, or null if the driver has not set it up}
   *
   * @param index from 0 to {@link #count} - 1
   */
  public Virtqueue queue(int index) {
    return queues[index];
  }

  /** {@return the interrupt to the driver} */
  public DriverNotifier notifier() {
    return notifier;
  }

  /**
   * Makes the new entries of the used ring visible to the driver and interrupts it if it has
   * requested that.
   *
   * @param queue one of the queues
   * @return whether it was interrupted
   */
  public boolean publish(Virtqueue queue) {
    boolean wanted = queue.publish();
    if (wanted) {
      notifier.usedBuffers();
    }
    return wanted;
  }

  /** {@return the device's lock, to be held during all use of queues and device state} */
  public ReentrantLock lock() {
    return lock;
  }

  /**
   * Reports a broken ring that was found outside {@link VirtioDevice#notifyQueue}, which throws the
   * exception instead. Sets DEVICE_NEEDS_RESET and stops all queues of the device.
   *
   * @param cause what the driver did
   */
  public void fail(VirtqueueException cause) {
    onFailure.accept(cause);
  }
}
