package org.microvm.devices.virtio;

/**
 * Notifies the driver of a device's events (section 2.3). Any thread may call; a call blocks only
 * for the device lock.
 *
 * <p>Before DRIVER_OK no interrupt is raised. A bit stays set in InterruptStatus until the driver
 * acknowledges it. Every call raises the interrupt, even if the bit was set already, because the
 * interrupt is an edge and the driver may be about to finish handling the previous one.
 */
public interface DriverNotifier {
  /**
   * Buffers were used, and {@link Virtqueue#publish} returned that the driver must be interrupted.
   */
  void usedBuffers();

  /**
   * The configuration space has changed. The caller must have held the device lock since before the
   * change, so that no driver reads new bytes with the old generation.
   */
  void configChanged();
}
