package org.microvm.bench;

import picocli.CommandLine;

/** Where {@code microvm bench} starts: {@code NAME WORDS}. */
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
