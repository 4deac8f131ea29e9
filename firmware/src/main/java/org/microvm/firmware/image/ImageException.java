package org.microvm.firmware.image;

/** A kernel or an initrd cannot be used; the message is one line for the user who named it. */
public final class ImageException extends Exception {
  private static final long serialVersionUID = 1L;

  /**
   * @param message what is wrong and, where it helps, what to do
   */
  public ImageException(String message) {
    super(message);
  }

  /**
   * @param message what is wrong and, where it helps, what to do
   * @param cause what led to it, for the log
   */
  public ImageException(String message, Throwable cause) {
    super(message, cause);
  }

  /** Puts the subject of this failure, such as the file's path, in front of its message. */
  public ImageException about(String subject) {
    return new ImageException(subject + ": " + getMessage(), this);
  }
}
