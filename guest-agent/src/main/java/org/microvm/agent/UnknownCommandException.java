package org.microvm.agent;

/** The agent does not know the command, or is configured to refuse it. */
public final class UnknownCommandException extends AgentCommandException {
  private static final long serialVersionUID = 1L;

  UnknownCommandException(String command, String errorClass, String description) {
    super(command, errorClass, description);
  }

  /** {@return whether the agent knows the command and refuses it} */
  public boolean disabled() {
    return description().contains("disabled");
  }
}
