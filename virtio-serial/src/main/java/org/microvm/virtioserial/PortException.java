package org.microvm.virtioserial;

/** A port that the host asked for cannot be had: a number or a name is taken, or there is none. */
public final class PortException extends Exception {
  private static final long serialVersionUID = 1L;

  /**
   * @param message what was asked for and why it cannot be
   */
  public PortException(String message) {
    super(message);
  }
}
