package org.microvm.agent;

/** The agent sent an invalid answer: not JSON, too long, or without a required field. */
public final class AgentProtocolException extends AgentException {
  private static final long serialVersionUID = 1L;

  AgentProtocolException(String message) {
    super(message);
  }

  AgentProtocolException(String message, Throwable cause) {
    super(message, cause);
  }
}
