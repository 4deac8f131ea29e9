package org.microvm.agent;

import java.io.IOException;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * The sessions of systemd-logind in the guest, which {@code loginctl} lists. The agent itself reads
 * utmp, which distributions no longer use because its times end in 2038: systemd of Debian 13 does
 * not write it.
 */
final class LoginSessions {
  /**
   * Prints the properties of all sessions. The times are printed in English with the time zone of
   * TZ, in every locale.
   */
  private static final String LIST =
      """
      command -v loginctl >/dev/null 2>&1 || exit 0
      list=$(loginctl --no-legend --no-pager list-sessions </dev/null) || exit
      set --
      while read -r id rest; do
        [ -z "$id" ] || set -- "$@" "$id"
      done <<END
      $list
      END
      [ $# != 0 ] || exit 0
      export TZ=UTC LC_ALL=C
      exec loginctl --no-pager -p Name -p Class -p State -p Timestamp show-session "$@"
      """;

  /** A session that ends between the two commands makes the second one fail. */
  private static final int ATTEMPTS = 3;

  /** Enough for thousands of sessions; each line becomes several objects. */
  private static final int MAX_BYTES = 1 << 20;

  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("EEE yyyy-MM-dd HH:mm:ss 'UTC'", Locale.ROOT);

  private final GuestAgent agent;

  LoginSessions(GuestAgent agent) {
    this.agent = agent;
  }

  /**
   * Returns each user who has a session, with the time of the first one.
   *
   * @return empty if the agent may not run programs, the guest has no shell, or logind does not
   *     answer; no users if the guest has no logind
   */
  Optional<List<GuestUser>> users() throws IOException {
    try {
      for (int i = 0; i < ATTEMPTS; i++) {
        ExecResult result =
            agent.processes().run(GuestCommand.of("/bin/sh", "-c", LIST), agent.programLimit());
        if (result.succeeded()) {
          checkLength(result.stdout());
          return Optional.of(users(result.output()));
        }
      }
    } catch (AgentCommandException e) {
      // Without a shell, or without the permission to run one, logind cannot be queried.
    }
    return Optional.empty();
  }

  private static void checkLength(byte[] output) throws AgentProtocolException {
    if (output.length > MAX_BYTES) {
      throw new AgentProtocolException(
          "loginctl: the list has %d bytes, more than %d".formatted(output.length, MAX_BYTES));
    }
  }

  /** Reads what loginctl prints: an empty line is between two sessions. */
  static List<GuestUser> users(String sessions) throws AgentProtocolException {
    Map<String, GuestUser> users = new HashMap<>();
    List<String> names = new ArrayList<>();
    for (String session : sessions.split("\n\n")) {
      Map<String, String> properties = new HashMap<>();
      Arrays.stream(session.split("\n"))
          .map(line -> line.split("=", 2))
          .filter(pair -> pair.length == 2)
          .forEach(pair -> properties.put(pair[0], pair[1]));
      if (!isLogin(properties)) {
        continue;
      }
      GuestUser user = new GuestUser(properties.get("Name"), time(properties.get("Timestamp")));
      GuestUser former = users.get(user.name());
      if (former == null) {
        names.add(user.name());
      }
      if (former == null || user.loginTime().isBefore(former.loginTime())) {
        users.put(user.name(), user);
      }
    }
    return names.stream().map(users::get).toList();
  }

  /** Other classes are login screens, services, and cron jobs. */
  private static boolean isLogin(Map<String, String> properties) {
    return properties.getOrDefault("Class", "").matches("user(-.*)?")
        && !properties.getOrDefault("State", "").equals("closing")
        && properties.containsKey("Name");
  }

  private static Instant time(String text) throws AgentProtocolException {
    try {
      return LocalDateTime.parse(text == null ? "" : text, TIME).toInstant(ZoneOffset.UTC);
    } catch (DateTimeException e) {
      throw new AgentProtocolException("loginctl: '" + text + "' is not a time", e);
    }
  }
}
