package org.microvm.bench;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/** The command line of the benchmarks. */
class MainTest {
  @Test
  void help_ofEveryBenchmark_namesItAsTheLauncherTakesIt() {
    CommandLine command = Main.commandLine();
    command
        .getSubcommands()
        .values()
        .forEach(
            benchmark -> {
              StringWriter help = new StringWriter();
              benchmark.usage(new PrintWriter(help, true));
              assertTrue(
                  help.toString().startsWith("Usage: microvm bench " + benchmark.getCommandName()),
                  help.toString());
            });
  }
}
