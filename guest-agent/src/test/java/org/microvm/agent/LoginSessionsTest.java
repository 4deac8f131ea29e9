package org.microvm.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The users that systemd-logind reports as logged in, where the agent's own list is empty. */
@Timeout(30)
class LoginSessionsTest {
  private static final Duration LIMIT = Duration.ofMillis(500);

  /** The output of Debian 13 for a PAM session, its manager, and a session that has ended. */
  private static final String SESSIONS =
      """
      Name=agent
      Timestamp=Fri 2026-11-27 15:59:03 UTC
      Class=user
      State=active

      Name=agent
      Timestamp=Fri 2026-11-27 15:59:01 UTC
      Class=manager
      State=active

      Name=root
      Timestamp=Fri 2026-11-27 16:00:00 UTC
      Class=user-early
      State=online

      Name=agent
      Timestamp=Fri 2026-11-27 15:59:02 UTC
      Class=user
      State=online

      Name=gone
      Timestamp=Fri 2026-11-27 15:00:00 UTC
      Class=user
      State=closing

      Name=gdm
      Timestamp=Fri 2026-11-27 15:00:00 UTC
      Class=greeter
      State=active
      """;

  private static String exited(int status, String output) {
    return "{\"exited\": true, \"exitcode\": %d, \"out-data\": \"%s\"}"
        .formatted(
            status, Base64.getEncoder().encodeToString(output.getBytes(StandardCharsets.UTF_8)));
  }

  @FunctionalInterface
  private interface Answers {
    /** The value that is returned; null for an unknown command. */
    String to(String command);
  }

  private static List<GuestUser> loggedIn(Answers answers) throws IOException {
    try (FakeAgent agent =
            FakeAgent.playing(
                peer -> {
                  for (JsonNode r = peer.next(); r != null; r = peer.next()) {
                    String value = answers.to(r.path("execute").asText());
                    if (value == null) {
                      peer.error(r, "CommandNotFound", "The command has not been found");
                    } else {
                      peer.answer(r, "\"return\":" + value);
                    }
                  }
                });
        GuestAgent guest = GuestAgent.connect(agent.socket(), LIMIT)) {
      return guest.users().loggedIn();
    }
  }

  private static String withSessions(String command, String users) {
    return switch (command) {
      case "guest-get-users" -> users;
      case "guest-exec" -> "{\"pid\": 1}";
      default -> exited(0, SESSIONS);
    };
  }

  @Test
  void agentThatListsNoUsers_logindIsQueried() throws IOException {
    assertEquals(
        List.of(
            new GuestUser("agent", Instant.parse("2026-11-27T15:59:02Z")),
            new GuestUser("root", Instant.parse("2026-11-27T16:00:00Z"))),
        loggedIn(command -> withSessions(command, "[]")));
  }

  @Test
  void agentWithoutTheCommand_logindIsQueried() throws IOException {
    assertEquals(2, loggedIn(command -> withSessions(command, null)).size());
  }

  @Test
  void agentThatListsUsers_logindIsNotQueried() throws IOException {
    assertEquals(
        List.of(new GuestUser("root", Instant.EPOCH)),
        loggedIn(command -> withSessions(command, "[{\"user\": \"root\", \"login-time\": 0.0}]")));
  }

  @Test
  void logindThatCannotBeQueried_leavesTheAgentsAnswer() throws IOException {
    assertEquals(List.of(), loggedIn(command -> command.equals("guest-get-users") ? "[]" : null));
    assertThrows(UnknownCommandException.class, () -> loggedIn(command -> null));
  }

  @Test
  void loginctlThatFails_isRepeatedAndThenTheListIsEmpty() throws IOException {
    assertEquals(
        List.of(),
        loggedIn(
            command ->
                switch (command) {
                  case "guest-get-users" -> "[]";
                  case "guest-exec" -> "{\"pid\": 1}";
                  default -> exited(1, "");
                }));
  }

  @Test
  void loginctlThatTakesLongerThanAnAnswerMay_isAwaited() throws IOException {
    AtomicInteger polls = new AtomicInteger();

    List<GuestUser> users =
        loggedIn(
            command ->
                command.equals("guest-exec-status") && polls.incrementAndGet() < 15
                    ? "{\"exited\": false}"
                    : withSessions(command, "[]"));

    assertEquals(2, users.size());
  }

  @Test
  void noSessions_areNoUsers() throws IOException {
    assertEquals(List.of(), LoginSessions.users(""));
  }

  @Test
  void timeThatIsNone_isAProtocolError() {
    assertThrows(
        AgentProtocolException.class,
        () -> LoginSessions.users("Name=a\nClass=user\nTimestamp=n/a"));
  }
}
