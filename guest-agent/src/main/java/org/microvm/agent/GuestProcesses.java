package org.microvm.agent;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.time.Duration;
import java.util.Base64;

/** Runs programs in the guest, as the agent's user. */
public final class GuestProcesses {
  private final GuestAgent agent;

  GuestProcesses(GuestAgent agent) {
    this.agent = agent;
  }

  /** Starts a program. */
  public GuestProcess start(GuestCommand command) throws IOException {
    ObjectNode arguments = AgentClient.arguments().put("path", command.words().getFirst());
    ArrayNode rest = arguments.putArray("arg");
    command.words().stream().skip(1).forEach(rest::add);
    if (!command.environment().isEmpty()) {
      command.environment().forEach(arguments.putArray("env")::add);
    }
    if (command.input().length > 0) {
      arguments.put("input-data", Base64.getEncoder().encodeToString(command.input()));
    }
    if (command.captured()) {
      arguments.put("capture-output", true);
    }
    long pid = agent.ask("guest-exec", arguments).number("pid");
    return new GuestProcess(agent, command.words().getFirst(), pid);
  }

  /**
   * Runs a program to its end.
   *
   * @throws AgentTimeoutException if it still runs after {@code limit}; it is not ended
   */
  public ExecResult run(GuestCommand command, Duration limit) throws IOException {
    return start(command).await(limit);
  }
}
