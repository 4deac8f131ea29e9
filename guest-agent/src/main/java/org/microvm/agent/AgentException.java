package org.microvm.agent;

import java.io.IOException;

/** A request to a guest agent failed; the subclass is the reason. */
public abstract sealed class AgentException extends IOException
    permits AgentCommandException,
        AgentDisconnectedException,
        AgentProtocolException,
        AgentTimeoutException {
  private static final long serialVersionUID = 1L;

  AgentException(String message) {
    super(message);
  }

  AgentException(String message, Throwable cause) {
    super(message, cause);
  }
}
