package org.microvm.bench;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.microvm.cli.UsageException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code microvm bench channel}. */
@Command(
    name = "channel",
    description = "Throughput and latency of channels, against a plain socket and against QEMU.",
    mixinStandardHelpOptions = true)
final class BenchChannelCommand implements Callable<Integer> {
  @Option(names = "--compare-qemu", description = "measure QEMU's microvm in the same run")
  private boolean compareQemu;

  @Option(names = "--rounds", defaultValue = "5", description = "how often (${DEFAULT-VALUE})")
  private int rounds;

  @Option(
      names = "--seconds",
      defaultValue = "1",
      description = "how long each is measured (${DEFAULT-VALUE})")
  private double seconds;

  @Option(
      names = "--warm-up",
      paramLabel = "SECONDS",
      defaultValue = "1.5",
      description = "how long each runs before that (${DEFAULT-VALUE})")
  private double warmUp;

  @Option(
      names = "--only",
      paramLabel = "TEXT",
      defaultValue = "",
      description = "workloads whose title contains this")
  private String only;

  @Option(
      names = "--output",
      paramLabel = "DIRECTORY",
      description = "also write channel.json and channel.svg there")
  private Path output;

  @Override
  public Integer call() throws Exception {
    if (rounds < 1 || seconds <= 0 || warmUp < 0) {
      throw new UsageException("--rounds, --seconds and --warm-up: above 0");
    }
    new ChannelBenchmarkRun(BenchCommand.home(), System.out)
        .compareQemu(compareQemu)
        .only(only)
        .output(output)
        .run(rounds, warmUp, seconds);
    return 0;
  }
}
