package org.microvm.devices.virtio;

/**
 * The driver broke the rules of the ring, so the queue cannot go on until the device is reset.
 *
 * <p>Caused by the guest: the transport answers with DEVICE_NEEDS_RESET, nothing else of the VM is
 * touched.
 */
public final class VirtqueueException extends Exception {
  private static final long serialVersionUID = 1L;

  /**
   * @param message what the driver did, with the numbers
   */
  public VirtqueueException(String message) {
    // No stack trace: it would only show our own walk, and the guest decides how often it is made.
    super(message, null, false, false);
  }
}
