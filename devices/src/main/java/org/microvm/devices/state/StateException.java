package org.microvm.devices.state;

import java.io.IOException;

/** A saved state cannot be used here; the message is one line that says why. */
public final class StateException extends IOException {
  private static final long serialVersionUID = 1;

  /**
   * Creates the exception.
   *
   * @param message why the state cannot be used, in one line
   */
  public StateException(String message) {
    super(message);
  }
}
