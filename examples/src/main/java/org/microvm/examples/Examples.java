package org.microvm.examples;

import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;

/** Runs an example by its name; {@code examples/run} calls it. */
public final class Examples {
  /** The main method of an example. */
  @FunctionalInterface
  interface Example {
    void main(String[] args) throws Exception;
  }

  private static final Map<String, Example> BY_NAME =
      new TreeMap<>(
          Map.of(
              "guest-questions", GuestQuestions::main,
              "agent-question", AgentQuestion::main,
              "clipboard-history", ClipboardHistory::main,
              "offline-look", OfflineLook::main));

  private Examples() {}

  /** Runs the example that the first argument names, with the remaining arguments. */
  public static void main(String[] args) {
    Example example = args.length == 0 ? null : BY_NAME.get(args[0]);
    if (example == null) {
      System.err.println("usage: examples/run NAME [ARGUMENTS...]");
      System.err.println("NAME is one of: " + String.join(", ", BY_NAME.keySet()));
      System.exit(2);
    }
    try {
      example.main(Arrays.copyOfRange(args, 1, args.length));
    } catch (Exception e) {
      System.err.println(args[0] + ": " + (e.getMessage() == null ? e : e.getMessage()));
      System.exit(1);
    }
  }
}
