package org.microvm.bench;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Runs a {@link ChannelBenchmark} with the given options, prints its table and writes its files.
 */
public final class ChannelBenchmarkRun {
  private final Path home;
  private final PrintStream out;
  private boolean compareQemu;
  private List<String> runOptions = List.of();
  private String only = "";
  private Path output;

  /**
   * @param home directory of the built source tree
   * @param out receives progress and the table
   */
  public ChannelBenchmarkRun(Path home, PrintStream out) {
    this.home = home;
    this.out = out;
  }

  /** Sets whether QEMU is measured too. */
  public ChannelBenchmarkRun compareQemu(boolean on) {
    compareQemu = on;
    return this;
  }

  /** Sets the options to add to those of {@code microvm run}. */
  public ChannelBenchmarkRun runOptions(List<String> options) {
    runOptions = List.copyOf(options);
    return this;
  }

  /** Selects the workloads whose title contains this text. */
  public ChannelBenchmarkRun only(String text) {
    only = text;
    return this;
  }

  /** Sets the directory for the files; null for none. */
  public ChannelBenchmarkRun output(Path directory) {
    output = directory;
    return this;
  }

  /**
   * Runs the benchmark.
   *
   * @throws IOException if a VMM does not start, a channel stalls, or no workload is selected
   */
  public void run(int rounds, double warmUpSeconds, double seconds)
      throws IOException, InterruptedException {
    List<Workload> workloads =
        ChannelBenchmark.allWorkloads().stream()
            .filter(workload -> workload.title().contains(only))
            .toList();
    if (workloads.isEmpty()) {
      throw new IOException("--only: no workload has \"" + only + "\" in its title");
    }
    Path directory = Files.createTempDirectory("microvm-bench");
    try {
      Vmms vmms = new Vmms(home, directory, runOptions);
      List<Peer.Factory> peers = new ArrayList<>(List.of(vmms.microvm()));
      if (compareQemu) {
        peers.add(vmms.qemu());
      }
      peers.add(vmms.pipe());
      ChannelBenchmark benchmark = new ChannelBenchmark(peers, out, StallGuard.LIMIT);
      Samples samples =
          benchmark.run(new ChannelBenchmark.Plan(rounds, warmUpSeconds, seconds, workloads));
      out.println();
      TextTable table = new ChannelReport(samples).table();
      out.print(table);
      if (output != null) {
        write(samples, table, "Medians of %d rounds of %s s".formatted(rounds, seconds));
      }
    } finally {
      Files.deleteIfExists(directory);
    }
  }

  private void write(Samples samples, TextTable table, String heading) throws IOException {
    BenchmarkFiles files = new BenchmarkFiles(output);
    files.table("channel", heading, table);
    files.figures("channel", samples);
    files.chart(
        "channel-rate",
        BarChart.ofMedians(samples, "Throughput, MB/s", ChannelBenchmark.RATE, true));
    files.chart(
        "channel-p50",
        BarChart.ofMedians(samples, "Round trip, p50, us", ChannelBenchmark.P50, true));
    files.chart(
        "channel-cpu",
        BarChart.ofMedians(samples, "CPU seconds per GiB", ChannelBenchmark.CPU, true));
  }
}
