package org.microvm.bench;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.microvm.cli.UsageException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code microvm bench fleet}. */
@Command(
    name = "fleet",
    description = "Measures many machines in one process: start, what each uses, ping, close.",
    mixinStandardHelpOptions = true)
final class BenchFleetCommand implements Callable<Integer> {
  @Option(
      names = "--machines",
      split = ",",
      paramLabel = "COUNT",
      defaultValue = "1,10,50,100",
      description = "numbers of machines, measured in turn (default: ${DEFAULT-VALUE})")
  private List<Integer> machines;

  @Option(
      names = "--warm-ups",
      paramLabel = "COUNT",
      defaultValue = "20",
      description = "machines restored before the measurement (default: ${DEFAULT-VALUE})")
  private int warmUps;

  @Mixin private BenchCommand.GuestMemory guest;

  @Option(
      names = "--separate",
      description = "give each machine an event loop and threads of its own")
  private boolean separate;

  @Option(names = "--compare-qemu", description = "also measure as many QEMU processes, up to 50")
  private boolean compareQemu;

  @Option(
      names = "--output",
      paramLabel = "DIRECTORY",
      description = "also write a table, JSON and charts to DIRECTORY")
  private Path output;

  @Override
  public Integer call() throws Exception {
    for (int count : machines) {
      if (count < 1) {
        throw new UsageException("--machines must be at least 1, not " + count);
      }
    }
    if (warmUps < 0) {
      throw new UsageException("--warm-ups must be at least 0");
    }
    FleetBenchmark.run(
        System.out,
        new FleetBenchmark.Plan(machines, warmUps, guest.bytes(), !separate, compareQemu),
        output);
    return 0;
  }
}
