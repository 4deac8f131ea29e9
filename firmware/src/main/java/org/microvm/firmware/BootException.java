package org.microvm.firmware;

/** The guest cannot be started as asked; the message is one line for the person who asked. */
public final class BootException extends Exception {
  private static final long serialVersionUID = 1L;

  /**
   * @param message what is wrong and, where it helps, what to do
   */
  public BootException(String message) {
    super(message);
  }

  /**
   * @param message what is wrong and, where it helps, what to do
   * @param cause what led to it, for the log
   */
  public BootException(String message, Throwable cause) {
    super(message, cause);
  }

  /** The same failure with the file or thing it is about in front. */
  public BootException about(String subject) {
    return new BootException(subject + ": " + getMessage(), this);
  }
}
