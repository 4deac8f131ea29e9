package org.microvm.agent;

import java.util.List;

/**
 * What the agent is.
 *
 * @param version of qemu-ga
 * @param commands those it has
 */
public record AgentInfo(String version, List<Command> commands) {
  /**
   * A command.
   *
   * @param name such as {@code guest-ping}
   * @param enabled whether the agent obeys it
   * @param answersOnSuccess whether success has an answer; a shutdown's has none
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

  /** Whether the agent has this command and obeys it. */
  public boolean enabled(String command) {
    return commands.stream().anyMatch(known -> known.name().equals(command) && known.enabled());
  }
}
