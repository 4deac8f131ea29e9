package org.microvm.bench;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.microvm.cli.UsageException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code microvm bench exits}. */
@Command(
    name = "exits",
    description = "Measures exits and speed of a UART, a virtconsole and a virtio-serial port.",
    mixinStandardHelpOptions = true)
final class BenchExitsCommand implements Callable<Integer> {
  @Option(
      names = "--rounds",
      defaultValue = "3",
      description = "number of rounds (default: ${DEFAULT-VALUE})")
  private int rounds;

  @Option(
      names = "--seconds",
      defaultValue = "2",
      description = "duration of each measurement (default: ${DEFAULT-VALUE})")
  private double seconds;

  @Option(
      names = "--output",
      paramLabel = "DIRECTORY",
      description = "also write a table, JSON and charts to DIRECTORY")
  private Path output;

  @Override
  public Integer call() throws Exception {
    if (rounds < 1 || seconds <= 0) {
      throw new UsageException("--rounds and --seconds must be above 0");
    }
    new ExitsBenchmarkRun(BenchCommand.home(), System.out).run(rounds, 1, seconds, output);
    return 0;
  }
}
