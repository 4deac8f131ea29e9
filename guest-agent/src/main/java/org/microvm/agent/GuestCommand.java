package org.microvm.agent;

import java.util.List;
import java.util.Objects;

/**
 * A program to run in the guest.
 *
 * @param words the program, as a path or a name to be looked up in the agent's PATH, and its
 *     arguments
 * @param environment {@code NAME=value} words that replace the agent's own environment; empty for
 *     the agent's own
 * @param input what it reads from its standard input
 * @param captured whether what it writes is kept; else it goes nowhere
 */
public record GuestCommand(
    List<String> words, List<String> environment, byte[] input, boolean captured) {
  /** Checks that there is a program. */
  public GuestCommand {
    words = List.copyOf(words);
    environment = List.copyOf(environment);
    Objects.requireNonNull(input);
    if (words.isEmpty()) {
      throw new IllegalArgumentException("a command needs the name of a program");
    }
  }

  /** A program and its arguments, without input, its output kept. */
  public static GuestCommand of(String... words) {
    return new GuestCommand(List.of(words), List.of(), new byte[0], true);
  }

  /** The same with an input. */
  public GuestCommand withInput(byte[] bytes) {
    return new GuestCommand(words, environment, bytes, captured);
  }

  /** The same with an environment of its own. */
  public GuestCommand withEnvironment(String... variables) {
    return new GuestCommand(words, List.of(variables), input, captured);
  }

  /** The same with its output thrown away. */
  public GuestCommand withoutOutput() {
    return new GuestCommand(words, environment, input, false);
  }
}
