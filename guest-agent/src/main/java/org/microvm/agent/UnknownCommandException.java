package org.microvm.agent;

/** The agent has no such command, or was told when it was started to refuse it. */
public final class UnknownCommandException extends AgentCommandException {
  private static final long serialVersionUID = 1L;

  UnknownCommandException(String command, String errorClass, String description) {
    super(command, errorClass, description);
  }

  /** Whether the agent has the command and refuses it. */
  public boolean disabled() {
    return description().contains("disabled");
  }
}
