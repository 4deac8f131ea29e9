package org.microvm.cli;

/** Words on the command line that cannot be meant; the message is the one line a person gets. */
public final class UsageException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** With the line for a person. */
  public UsageException(String message) {
    super(message);
  }
}
