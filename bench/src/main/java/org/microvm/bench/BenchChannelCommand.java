package org.microvm.bench;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.microvm.cli.UsageException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code microvm bench channel}. */
@Command(
    name = "channel",
    description = "Measures throughput and latency of channels, of a plain socket and of QEMU.",
    mixinStandardHelpOptions = true)
final class BenchChannelCommand implements Callable<Integer> {
  @Option(names = "--compare-qemu", description = "also measure QEMU's microvm")
  private boolean compareQemu;

  @Option(
      names = "--rounds",
      defaultValue = "5",
      description = "number of rounds (default: ${DEFAULT-VALUE})")
  private int rounds;

  @Option(
      names = "--seconds",
      defaultValue = "1",
      description = "duration of each measurement (default: ${DEFAULT-VALUE})")
  private double seconds;

  @Option(
      names = "--warm-up",
      paramLabel = "SECONDS",
      defaultValue = "1.5",
      description = "duration of the warm-up before each measurement (default: ${DEFAULT-VALUE})")
  private double warmUp;

  @Option(
      names = "--run-option",
      paramLabel = "OPTION",
      description = "add an option of 'microvm run', for example --run-option=--warm-up")
  private List<String> runOptions = List.of();

  @Option(
      names = "--only",
      paramLabel = "TEXT",
      defaultValue = "",
      description = "only workloads whose title contains TEXT")
  private String only;

  @Option(
      names = "--output",
      paramLabel = "DIRECTORY",
      description = "also write channel.txt, channel.json and charts to DIRECTORY")
  private Path output;

  @Override
  public Integer call() throws Exception {
    if (rounds < 1 || seconds <= 0 || warmUp < 0) {
      throw new UsageException("--rounds and --seconds must be above 0, --warm-up at least 0");
    }
    new ChannelBenchmarkRun(BenchCommand.home(), System.out)
        .compareQemu(compareQemu)
        .runOptions(runOptions)
        .only(only)
        .output(output)
        .run(rounds, warmUp, seconds);
    return 0;
  }
}
