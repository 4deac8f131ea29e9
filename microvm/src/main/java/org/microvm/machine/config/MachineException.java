package org.microvm.machine.config;

/** A machine cannot be created, run, saved, restored or migrated; the message is for the user. */
public final class MachineException extends Exception {
  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception for a failure that another one caused.
   *
   * @param message what failed and what to try
   * @param cause the underlying failure
   */
  public MachineException(String message, Throwable cause) {
    super(message, cause);
  }

  /**
   * Creates the exception for a failure that was found here.
   *
   * @param message what failed and what to try
   */
  public MachineException(String message) {
    super(message);
  }
}
