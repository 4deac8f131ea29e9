package org.microvm.virtioserial;

/**
 * A request about a port failed: its number or name is taken, its options contradict each other, or
 * it does not exist.
 */
public final class PortException extends Exception {
  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message what was requested and why it is refused
   */
  public PortException(String message) {
    super(message);
  }
}
