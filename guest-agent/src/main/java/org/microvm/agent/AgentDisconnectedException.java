package org.microvm.agent;

/** The host end of the channel was closed: the machine has ended, or its host end was replaced. */
public final class AgentDisconnectedException extends AgentException {
  private static final long serialVersionUID = 1L;

  AgentDisconnectedException(String message, Throwable cause) {
    super(message, cause);
  }
}
