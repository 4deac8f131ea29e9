package org.microvm.agent;

import java.io.IOException;

/** The agent answered with an error object. */
public final class AgentException extends IOException {
  private static final long serialVersionUID = 1L;
  private final String errorClass;

  /**
   * @param command the command that failed
   * @param errorClass the error's class, such as {@code CommandNotFound}
   * @param description the agent's own words
   */
  public AgentException(String command, String errorClass, String description) {
    super(command + ": " + description + " (" + errorClass + ")");
    this.errorClass = errorClass;
  }

  /** The error's class, such as {@code CommandNotFound} or {@code GenericError}. */
  public String errorClass() {
    return errorClass;
  }
}
