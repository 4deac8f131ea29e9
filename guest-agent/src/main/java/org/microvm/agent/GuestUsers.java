package org.microvm.agent;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;

/** The guest's users, their passwords and their SSH keys. */
public final class GuestUsers {
  private final GuestAgent agent;

  GuestUsers(GuestAgent agent) {
    this.agent = agent;
  }

  /**
   * Returns the users who are logged in, each with the time of the first login.
   *
   * <p>qemu-ga reads utmp, which systemd does not write in newer distributions, among them Debian
   * 13. If the agent finds no user, {@code loginctl} in the guest queries systemd-logind; its times
   * have no fractions of seconds.
   *
   * @return the users; also none if the agent finds no user and may not run programs
   * @throws AgentException if the agent does not answer, or does not know the command and logind
   *     cannot be queried
   */
  public List<GuestUser> loggedIn() throws IOException {
    List<GuestUser> users;
    try {
      users = agent.ask("guest-get-users").list(GuestUser::of);
    } catch (UnknownCommandException e) {
      return new LoginSessions(agent).users().orElseThrow(() -> e);
    }
    return users.isEmpty() ? new LoginSessions(agent).users().orElse(users) : users;
  }

  /**
   * Sets a password with the guest's chpasswd.
   *
   * @param user login name
   * @param password the new one, in clear or hashed
   * @param crypted whether {@code password} was hashed by crypt(3)
   * @throws AgentException if there is no such user, chpasswd fails, or the agent does not answer
   */
  public void setPassword(String user, String password, boolean crypted) throws IOException {
    byte[] bytes = password.getBytes(StandardCharsets.UTF_8);
    agent.ask(
        "guest-set-user-password",
        AgentClient.arguments()
            .put("username", user)
            .put("password", Base64.getEncoder().encodeToString(bytes))
            .put("crypted", crypted));
  }

  /**
   * {@return the SSH keys that may log in as a user; none if the user has no file with keys}
   *
   * @param user login name
   * @throws AgentException if there is no such user, or the agent does not answer
   */
  public List<String> authorizedKeys(String user) throws IOException {
    try {
      return agent
          .ask("guest-ssh-get-authorized-keys", AgentClient.arguments().put("username", user))
          .texts("keys");
    } catch (AgentCommandException e) {
      if (e.saysNoSuchFile()) {
        return List.of();
      }
      throw e;
    }
  }

  /**
   * Allows keys to log in as this user.
   *
   * @param user login name
   * @param keys each a line in the format of OpenSSH's public keys
   * @param reset whether all other keys are removed
   * @throws AgentException if a key is not valid, there is no such user, or the agent does not
   *     answer
   */
  public void addAuthorizedKeys(String user, List<String> keys, boolean reset) throws IOException {
    agent.ask("guest-ssh-add-authorized-keys", keys(user, keys).put("reset", reset));
  }

  /**
   * Removes keys; keys that the user does not have are ignored.
   *
   * @param user login name
   * @param keys each a line in the format of OpenSSH's public keys
   * @throws AgentException if the user does not exist or has no file with keys, or the agent does
   *     not answer
   */
  public void removeAuthorizedKeys(String user, List<String> keys) throws IOException {
    agent.ask("guest-ssh-remove-authorized-keys", keys(user, keys));
  }

  private static ObjectNode keys(String user, List<String> keys) {
    ObjectNode arguments = AgentClient.arguments().put("username", user);
    keys.forEach(arguments.putArray("keys")::add);
    return arguments;
  }
}
