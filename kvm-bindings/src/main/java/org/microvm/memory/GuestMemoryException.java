package org.microvm.memory;

/** An access outside guest RAM. The guest caused it, so the device must handle it. */
public final class GuestMemoryException extends Exception {
  private static final long serialVersionUID = 1L;

  /** Guest-physical address of the first byte. */
  private final long address;

  /** Length of the access in bytes, unsigned. */
  private final long length;

  /**
   * Creates the exception without a stack trace.
   *
   * @param address guest-physical address of the first byte
   * @param length length of the access in bytes, unsigned
   */
  public GuestMemoryException(long address, long length) {
    // No stack trace: a hostile guest could otherwise cause one to be filled in per descriptor.
    super(null, null, false, false);
    this.address = address;
    this.length = length;
  }

  @Override
  public String getMessage() {
    return "guest-physical address 0x%x, length %s, is not in guest RAM"
        .formatted(address, Long.toUnsignedString(length));
  }
}
