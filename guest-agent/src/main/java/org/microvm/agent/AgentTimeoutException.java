package org.microvm.agent;

import java.time.Duration;

/** The agent did not answer in time: it does not run, it hangs, or it does not read the channel. */
public final class AgentTimeoutException extends AgentException {
  private static final long serialVersionUID = 1L;

  AgentTimeoutException(String what, Duration limit) {
    super("the guest agent did not answer " + what + " within " + limit.toMillis() + " ms");
  }

  AgentTimeoutException(String message) {
    super(message);
  }
}
