package org.microvm.agent;

/** What came is not an answer: not JSON, too long, or without what the answer must have. */
public final class AgentProtocolException extends AgentException {
  private static final long serialVersionUID = 1L;

  AgentProtocolException(String message) {
    super(message);
  }

  AgentProtocolException(String message, Throwable cause) {
    super(message, cause);
  }
}
