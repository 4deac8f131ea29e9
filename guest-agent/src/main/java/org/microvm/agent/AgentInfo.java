package org.microvm.agent;

import java.util.List;

/**
 * The agent's version and commands.
 *
 * @param version of qemu-ga
 * @param commands that it knows
 */
public record AgentInfo(String version, List<Command> commands) {
  /**
   * A command.
   *
   * @param name such as {@code guest-ping}
   * @param enabled whether the agent executes it
   * @param answersOnSuccess whether there is an answer on success; a shutdown has none
   */
  public record Command(String name, boolean enabled, boolean answersOnSuccess) {}

  static AgentInfo of(Answer answer) throws AgentProtocolException {
    return new AgentInfo(
        answer.text("version"),
        answer.optionalList(
            "supported_commands",
            command ->
                new Command(
                    command.text("name"),
                    command.flag("enabled"),
                    command.flag("success-response"))));
  }

  /**
   * {@return whether the agent knows a command and executes it}
   *
   * @param command such as {@code guest-ping}
   */
  public boolean enabled(String command) {
    return commands.stream().anyMatch(known -> known.name().equals(command) && known.enabled());
  }
}
