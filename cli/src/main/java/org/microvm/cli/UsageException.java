package org.microvm.cli;

/** A usage error; its message is the one line that the user gets. */
public final class UsageException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates the error.
   *
   * @param message one line for the user
   */
  public UsageException(String message) {
    super(message);
  }
}
