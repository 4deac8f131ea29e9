package org.microvm.firmware;

/** The guest cannot be started as requested. The message is one line for the user. */
public final class BootException extends Exception {
  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception for a request that is wrong.
   *
   * @param message what is wrong and, where it helps, what to do about it
   */
  public BootException(String message) {
    super(message);
  }

  /**
   * Creates the exception for a failure with a cause.
   *
   * @param message what is wrong and, where it helps, what to do about it
   * @param cause the underlying failure, for the log
   */
  public BootException(String message, Throwable cause) {
    super(message, cause);
  }

  /**
   * Puts the subject of this failure in front of its message.
   *
   * @param subject what could not be used, such as the file's path
   * @return a new exception with this one as its cause
   */
  public BootException about(String subject) {
    return new BootException(subject + ": " + getMessage(), this);
  }
}
