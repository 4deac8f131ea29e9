package org.microvm.agent;

/** The channel's host end was closed: the machine has ended, or another end took its place. */
public final class AgentDisconnectedException extends AgentException {
  private static final long serialVersionUID = 1L;

  AgentDisconnectedException(String message, Throwable cause) {
    super(message, cause);
  }
}
