package org.microvm.agent;

import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * The agent did not answer in time: it does not run, it hangs, or it does not read the channel. Or
 * it does answer, but a program that it has started runs for longer than it may.
 */
public final class AgentTimeoutException extends AgentException {
  private static final long serialVersionUID = 1L;

  /** Whether a program has exceeded its limit. */
  private final boolean ofProgram;

  AgentTimeoutException(String what, Duration limit) {
    this(what, limit, "");
  }

  /**
   * @param why is appended to the message
   */
  AgentTimeoutException(String what, Duration limit, String why) {
    this("the guest agent did not answer " + what + " within " + millis(limit) + " ms" + why);
  }

  AgentTimeoutException(String message) {
    this(message, false);
  }

  private AgentTimeoutException(String message, boolean ofProgram) {
    super(message);
    this.ofProgram = ofProgram;
  }

  /** Returns the exception for a program, or its input, that did not end in time. */
  static AgentTimeoutException ofProgram(String subject, Duration limit) {
    return new AgentTimeoutException(
        "%s did not end within %d ms".formatted(subject, millis(limit)), true);
  }

  /** Returns this exception with more to say. */
  AgentTimeoutException with(String addition) {
    return new AgentTimeoutException(getMessage() + addition, ofProgram);
  }

  private static long millis(Duration limit) {
    return TimeUnit.MILLISECONDS.convert(limit);
  }

  /**
   * {@return whether a program of the guest runs for longer than the caller allows; otherwise the
   * agent did not answer}
   */
  public boolean isOfProgram() {
    return ofProgram;
  }
}
