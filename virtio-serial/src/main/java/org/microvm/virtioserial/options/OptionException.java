package org.microvm.virtioserial.options;

/** Words of the user's that make no sense; the message says which and what would. */
public final class OptionException extends Exception {
  private static final long serialVersionUID = 1L;

  /**
   * @param message for the user
   */
  public OptionException(String message) {
    super(message);
  }
}
