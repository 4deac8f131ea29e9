package org.microvm.devices.virtio;

/**
 * The driver violated the rules of the ring (section 2.7), so the queue cannot continue until the
 * device is reset.
 *
 * <p>The guest caused it: the transport sets DEVICE_NEEDS_RESET (section 2.1.2), and the rest of
 * the VM is not affected.
 */
public final class VirtqueueException extends Exception {
  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception without a stack trace.
   *
   * @param message what the driver did, with the numbers
   */
  public VirtqueueException(String message) {
    // No stack trace: it would only show our own code, and the guest decides how often one is made.
    super(message, null, false, false);
  }
}
