package org.microvm.agent;

import java.time.Duration;

/** The agent did not answer in time: it is not running, hangs, or nobody reads the channel. */
public final class AgentTimeoutException extends AgentException {
  private static final long serialVersionUID = 1L;

  AgentTimeoutException(String what, Duration limit) {
    super("the guest agent did not answer " + what + " within " + limit.toMillis() + " ms");
  }
}
