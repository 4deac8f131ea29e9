package org.microvm.bench;

import picocli.CommandLine;

/** The entry point of {@code microvm bench}: {@code NAME OPTIONS}. */
public final class Main {
  private Main() {}

  /** Runs the benchmark and ends the process with its status. */
  public static void main(String[] words) {
    org.microvm.cli.Main.run(commandLine(), words);
  }

  static CommandLine commandLine() {
    return new CommandLine(new BenchCommand());
  }
}
