package org.microvm.firmware;

/** The guest cannot be started as requested. The message is one line for the user. */
public final class BootException extends Exception {
  private static final long serialVersionUID = 1L;

  /**
   * @param message what is wrong and, where it helps, what to do about it
   */
  public BootException(String message) {
    super(message);
  }

  /**
   * @param message what is wrong and, where it helps, what to do about it
   * @param cause the underlying failure, for the log
   */
  public BootException(String message, Throwable cause) {
    super(message, cause);
  }

  /** Returns this failure with its subject, such as the file's path, in front of the message. */
  public BootException about(String subject) {
    return new BootException(subject + ": " + getMessage(), this);
  }
}
