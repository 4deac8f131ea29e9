package org.microvm.agent;

import java.util.List;
import java.util.Objects;

/**
 * A program to run in the guest.
 *
 * @param words the program, as a path or a name that is looked up in the agent's PATH, and its
 *     arguments
 * @param environment {@code NAME=value} entries that replace the agent's environment; if empty, the
 *     program gets the agent's environment
 * @param input its standard input
 * @param captured whether its output is returned; otherwise it is discarded
 */
public record GuestCommand(
    List<String> words, List<String> environment, byte[] input, boolean captured) {
  /**
   * Checks that there is a program.
   *
   * @throws IllegalArgumentException if {@code words} is empty
   */
  public GuestCommand {
    words = List.copyOf(words);
    environment = List.copyOf(environment);
    Objects.requireNonNull(input);
    if (words.isEmpty()) {
      throw new IllegalArgumentException("a command needs the name of a program");
    }
  }

  /** A program and its arguments, without input, with its output returned. */
  public static GuestCommand of(String... words) {
    return new GuestCommand(List.of(words), List.of(), new byte[0], true);
  }

  /** Returns a copy with this standard input. */
  public GuestCommand withInput(byte[] bytes) {
    return new GuestCommand(words, environment, bytes, captured);
  }

  /** Returns a copy with this environment, as {@code NAME=value} entries. */
  public GuestCommand withEnvironment(String... variables) {
    return new GuestCommand(words, List.of(variables), input, captured);
  }

  /** Returns a copy whose output is discarded. */
  public GuestCommand withoutOutput() {
    return new GuestCommand(words, environment, input, false);
  }
}
