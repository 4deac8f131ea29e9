package org.microvm.virtioserial.options;

/** An option of the user is invalid. The message names the option and what is accepted. */
public final class OptionException extends Exception {
  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message one line for the user
   */
  public OptionException(String message) {
    super(message);
  }
}
