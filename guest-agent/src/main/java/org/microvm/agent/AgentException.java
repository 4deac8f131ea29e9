package org.microvm.agent;

import java.io.IOException;

/** A request to a guest agent failed; the subclass is the reason. */
public abstract sealed class AgentException extends IOException
    permits AgentCommandException,
        AgentDisconnectedException,
        AgentProtocolException,
        AgentTimeoutException {
  private static final long serialVersionUID = 1L;

  /** An agent can send megabytes, and the message becomes a line on a terminal or in a log. */
  private static final int MAX_CHARS = 2000;

  /** What stays of the end of a longer message, where the client says in which state things are. */
  private static final int LAST_CHARS = 500;

  AgentException(String message) {
    super(shortened(message));
  }

  AgentException(String message, Throwable cause) {
    super(shortened(message), cause);
  }

  private static String shortened(String message) {
    if (message.length() <= MAX_CHARS) {
      return message;
    }
    return message.substring(0, MAX_CHARS - LAST_CHARS)
        + " ... "
        + message.substring(message.length() - LAST_CHARS);
  }
}
