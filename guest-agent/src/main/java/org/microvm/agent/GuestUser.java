package org.microvm.agent;

import java.time.Instant;

/**
 * A user who is logged in.
 *
 * @param name of the user
 * @param loginTime time of the login, by the guest's clock
 */
public record GuestUser(String name, Instant loginTime) {
  static GuestUser of(Answer answer) throws AgentProtocolException {
    long micros = Math.round(answer.real("login-time") * 1e6);
    return new GuestUser(
        answer.text("user"),
        Instant.ofEpochSecond(
            Math.floorDiv(micros, 1_000_000L), Math.floorMod(micros, 1_000_000L) * 1000));
  }
}
