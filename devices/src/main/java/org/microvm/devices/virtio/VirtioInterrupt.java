package org.microvm.devices.virtio;

/**
 * How a device reaches its driver; from any thread, never blocks but for the device lock.
 *
 * <p>Before DRIVER_OK nothing is sent. A bit once set stays in InterruptStatus until the driver
 * acknowledges it, and every call raises the interrupt, even when the bit was set already: behind
 * it is an edge, and the driver may be about to finish with the one before.
 */
public interface VirtioInterrupt {
  /** Buffers were used and {@link Virtqueue#publish} said that the driver wants to know. */
  void usedBuffers();

  /**
   * The configuration space has changed. Call it with the device lock held since before the change,
   * so that no driver reads new bytes under the old generation.
   */
  void configChanged();
}
