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

  /**
   * Starts a program.
   *
   * @param command the program, its arguments, environment and input
   * @return the process, which runs
   * @throws AgentException if the program cannot be started, or the agent does not answer
   */
  public GuestProcess start(GuestCommand command) throws IOException {
    ObjectNode arguments = AgentClient.arguments().put("path", command.argv().getFirst());
    ArrayNode rest = arguments.putArray("arg");
    command.argv().stream().skip(1).forEach(rest::add);
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
    return new GuestProcess(agent, command.argv().getFirst(), pid);
  }

  /**
   * Runs a program to its end.
   *
   * @param command the program, its arguments, environment and input
   * @param limit how long it may run
   * @return the result, with the output if it was captured
   * @throws AgentTimeoutException if it still runs after {@code limit}; it is not ended
   */
  public ExecResult run(GuestCommand command, Duration limit) throws IOException {
    return start(command).await(limit);
  }
}
