package org.microvm.machine.config;

/** A machine that cannot be made or run on this host; the message is one line for a person. */
public final class MachineException extends Exception {
  private static final long serialVersionUID = 1L;

  /**
   * @param message what failed and what to try
   * @param cause the failure below
   */
  public MachineException(String message, Throwable cause) {
    super(message, cause);
  }

  /**
   * @param message what failed and what to try
   */
  public MachineException(String message) {
    super(message);
  }
}
