package org.microvm.qmp;

import java.io.IOException;
import org.microvm.linux.FailureText;

/** A command was refused or failed; the content of the reply's {@code error}. */
public final class QmpException extends IOException {
  private static final long serialVersionUID = 1L;

  /** The error class of nearly all errors. */
  public static final String GENERIC = "GenericError";

  /** There is no such command, or it cannot be used at this point. */
  public static final String COMMAND_NOT_FOUND = "CommandNotFound";

  /** There is no such device. */
  public static final String DEVICE_NOT_FOUND = "DeviceNotFound";

  /** There is no such device in this machine. */
  public static final String DEVICE_NOT_ACTIVE = "DeviceNotActive";

  /** QMP's class of the error. */
  private final String errorClass;

  /**
   * Creates the exception from the members of an {@code error} object.
   *
   * @param errorClass QMP's class of the error
   * @param description text for the user
   */
  public QmpException(String errorClass, String description) {
    super(description);
    this.errorClass = errorClass;
  }

  /** Creates an error of the class {@link #GENERIC}. */
  static QmpException generic(String description, Object... arguments) {
    return new QmpException(GENERIC, description.formatted(arguments));
  }

  /**
   * Creates an error of the class {@link #GENERIC} with the message of an exception from another
   * part of the program.
   */
  static QmpException of(Exception e) {
    if (e instanceof QmpException qmp) {
      return qmp;
    }
    return generic("%s", e.getMessage() == null ? "the command failed" : FailureText.of(e));
  }

  /** Creates the error for a device that does not exist. */
  static QmpException notFound(String device) {
    return new QmpException(DEVICE_NOT_FOUND, "Device '%s' not found".formatted(device));
  }

  /** {@return QMP's class of the error, such as {@link #GENERIC}} */
  public String errorClass() {
    return errorClass;
  }
}
