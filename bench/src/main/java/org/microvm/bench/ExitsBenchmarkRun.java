package org.microvm.bench;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.stream.Stream;

/** Runs an {@link ExitsBenchmark}, prints its table and writes its files. */
public final class ExitsBenchmarkRun {
  private final Path home;
  private final PrintStream out;

  /**
   * @param home directory of the built source tree
   * @param out receives progress and the table
   */
  public ExitsBenchmarkRun(Path home, PrintStream out) {
    this.home = home;
    this.out = out;
  }

  /**
   * Runs the benchmark.
   *
   * @param output directory for the files; null for none
   */
  public void run(int rounds, double warmUpSeconds, double seconds, Path output)
      throws IOException, InterruptedException {
    Path guest = home.resolve("test-images/target/bare-metal/bench");
    Samples samples = new ExitsBenchmark(guest, out).run(rounds, warmUpSeconds, seconds);
    TextTable table = table(samples);
    out.println();
    out.print(table);
    if (output != null) {
      BenchmarkFiles files = new BenchmarkFiles(output);
      files.table("exits", "Medians of %d rounds of %s s".formatted(rounds, seconds), table);
      files.figures("exits", samples);
      files.chart(
          "exits-per-mib", chart(samples, "User-space exits per MiB", ExitsBenchmark.PER_MIB));
      files.chart("exits-rate", chart(samples, "MB/s", ChannelBenchmark.RATE));
    }
  }

  private static TextTable table(Samples samples) {
    TextTable table = new TextTable();
    String workload = ExitsBenchmark.WORKLOAD;
    table.row(Stream.concat(Stream.of("metric"), samples.subjects().stream()).toList());
    for (String metric : samples.metrics(workload)) {
      table.row(
          Stream.concat(
                  Stream.of(metric),
                  samples.subjects().stream()
                      .map(
                          subject ->
                              samples.has(workload, subject, metric)
                                  ? ChannelReport.number(samples.median(workload, subject, metric))
                                  : "-"))
              .toList());
    }
    return table;
  }

  private static BarChart chart(Samples samples, String title, String metric) {
    BarChart chart = new BarChart(title + " (logarithmic)", true);
    for (String subject : samples.subjects()) {
      chart.bar(subject, "", samples.median(ExitsBenchmark.WORKLOAD, subject, metric));
    }
    return chart;
  }
}
