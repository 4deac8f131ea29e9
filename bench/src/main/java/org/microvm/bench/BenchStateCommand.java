package org.microvm.bench;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.microvm.cli.UsageException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code microvm bench state}. */
@Command(
    name = "state",
    description = "Measures snapshots, restores and live migrations of the project's Linux guest.",
    mixinStandardHelpOptions = true)
final class BenchStateCommand implements Callable<Integer> {
  @Option(names = "--compare-qemu", description = "also measure QEMU's microvm")
  private boolean compareQemu;

  @Option(
      names = "--rounds",
      defaultValue = "10",
      description = "number of rounds (default: ${DEFAULT-VALUE})")
  private int rounds;

  @Mixin private BenchCommand.GuestMemory guest;

  @Option(
      names = "--output",
      paramLabel = "DIRECTORY",
      description = "also write a table, JSON and a chart to DIRECTORY")
  private Path output;

  @Override
  public Integer call() throws Exception {
    if (rounds < 1) {
      throw new UsageException("--rounds must be at least 1");
    }
    long mebibytes = guest.bytes() >> 20;
    new StateBenchmarkRun(BenchCommand.home(), System.out, compareQemu)
        .run(rounds, mebibytes, output);
    return 0;
  }
}
