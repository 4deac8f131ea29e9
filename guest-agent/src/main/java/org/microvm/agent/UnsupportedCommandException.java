package org.microvm.agent;

/** The agent knows the command, but the guest does not support it. */
public final class UnsupportedCommandException extends AgentCommandException {
  private static final long serialVersionUID = 1L;

  UnsupportedCommandException(String command, String errorClass, String description) {
    super(command, errorClass, description);
  }
}
