package org.microvm.cli;

/** Words on the command line that cannot be meant; the message is the one line a person gets. */
final class UsageException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  UsageException(String message) {
    super(message);
  }
}
