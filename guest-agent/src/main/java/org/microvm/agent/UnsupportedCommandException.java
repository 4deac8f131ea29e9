package org.microvm.agent;

/** The agent has the command, but the guest's system lacks what it needs. */
public final class UnsupportedCommandException extends AgentCommandException {
  private static final long serialVersionUID = 1L;

  UnsupportedCommandException(String command, String errorClass, String description) {
    super(command, errorClass, description);
  }
}
