package org.microvm.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The medians of a {@link FleetBenchmark}: a table with a column for each fleet, and charts. */
final class FleetReport {
  private final Samples samples;

  FleetReport(Samples samples) {
    this.samples = samples;
  }

  TextTable table() {
    TextTable table = new TextTable();
    List<String> head = new ArrayList<>(List.of(""));
    head.addAll(samples.subjects());
    table.row(head);
    for (String what : samples.workloads()) {
      for (String unit : samples.metrics(what)) {
        List<String> row = new ArrayList<>(List.of(unit.isEmpty() ? what : what + ", " + unit));
        for (String fleet : samples.subjects()) {
          row.add(
              samples.has(what, fleet, unit)
                  ? "%.2f".formatted(samples.median(what, fleet, unit))
                  : "-");
        }
        table.row(row);
      }
    }
    return table;
  }

  /** Writes the table, all figures, and a chart for each of the measurements' units. */
  void write(Path directory) throws IOException {
    BenchmarkFiles files = new BenchmarkFiles(directory);
    files.table("fleet", "machines in one process, medians", table());
    files.figures("fleet", samples);
    files.chart("fleet-times", BarChart.ofMedians(samples, "times, ms", "ms", true));
    files.chart("fleet-memory", BarChart.ofMedians(samples, "private memory, MiB", "MiB", true));
    files.chart(
        "fleet-idle", BarChart.ofMedians(samples, "processor time of idle guests, %", "%", true));
  }
}
