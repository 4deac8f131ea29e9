package org.microvm.agent;

import java.util.List;
import java.util.Objects;

/**
 * A program to run in the guest.
 *
 * @param argv the program, as a path or a name that is looked up in the agent's PATH, and its
 *     arguments
 * @param environment {@code NAME=value} entries that replace the agent's environment; if empty, the
 *     program gets the agent's environment
 * @param input its standard input
 * @param captured whether its output is returned; otherwise it is discarded
 */
public record GuestCommand(
    List<String> argv, List<String> environment, byte[] input, boolean captured) {
  /**
   * Checks that there is a program.
   *
   * @throws IllegalArgumentException if {@code argv} is empty
   */
  public GuestCommand {
    argv = List.copyOf(argv);
    environment = List.copyOf(environment);
    Objects.requireNonNull(input);
    if (argv.isEmpty()) {
      throw new IllegalArgumentException("a command needs the name of a program");
    }
  }

  /**
   * {@return a command without input, with the agent's environment, whose output is returned}
   *
   * @param argv the program and its arguments; at least one
   */
  public static GuestCommand of(String... argv) {
    return new GuestCommand(List.of(argv), List.of(), new byte[0], true);
  }

  /**
   * {@return a copy with this standard input}
   *
   * @param bytes empty for no input
   */
  public GuestCommand withInput(byte[] bytes) {
    return new GuestCommand(argv, environment, bytes, captured);
  }

  /**
   * {@return a copy with this environment}
   *
   * @param variables {@code NAME=value} entries; none for the agent's environment
   */
  public GuestCommand withEnvironment(String... variables) {
    return new GuestCommand(argv, List.of(variables), input, captured);
  }

  /** {@return a copy whose output is discarded} */
  public GuestCommand withoutOutput() {
    return new GuestCommand(argv, environment, input, false);
  }
}
