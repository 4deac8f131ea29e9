package org.microvm.agent;

import java.io.IOException;

/** A conversation with a guest agent that did not come to its end; the subclasses say why. */
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
