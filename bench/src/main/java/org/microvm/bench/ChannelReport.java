package org.microvm.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The medians of a {@link ChannelBenchmark}, and the ratios between the subjects. */
final class ChannelReport {
  private final Samples samples;

  ChannelReport(Samples samples) {
    this.samples = samples;
  }

  /**
   * A table with a row for each workload and metric, and the ratios of the first subject to the
   * others.
   */
  TextTable table() {
    List<String> subjects = List.copyOf(samples.subjects());
    String own = subjects.getFirst();
    TextTable table = new TextTable();
    List<String> head = new ArrayList<>(List.of("workload", "metric"));
    head.addAll(subjects);
    subjects.stream().skip(1).forEach(other -> head.add(own + "/" + other));
    table.row(head);
    for (String workload : samples.workloads()) {
      for (String metric : samples.metrics(workload)) {
        table.row(row(workload, metric, subjects));
      }
    }
    return table;
  }

  private List<String> row(String workload, String metric, List<String> subjects) {
    List<String> row = new ArrayList<>(List.of(workload, metric));
    for (String subject : subjects) {
      row.add(
          samples.has(workload, subject, metric)
              ? number(samples.median(workload, subject, metric))
              : "-");
    }
    String own = subjects.getFirst();
    for (String other : subjects.subList(1, subjects.size())) {
      boolean both = samples.has(workload, own, metric) && samples.has(workload, other, metric);
      row.add(both ? ratio(workload, own, other, metric) : "-");
    }
    return row;
  }

  /**
   * The median of the ratios within each round, which is less noisy than the ratio of the medians.
   */
  private String ratio(String workload, String own, String other, String metric) {
    List<Double> ours = samples.all(workload, own, metric);
    List<Double> theirs = samples.all(workload, other, metric);
    List<Double> ratios = new ArrayList<>();
    for (int i = 0; i < Math.min(ours.size(), theirs.size()); i++) {
      ratios.add(ours.get(i) / theirs.get(i));
    }
    return String.format(Locale.ROOT, "%.2f", Median.of(ratios));
  }

  static String number(double value) {
    return String.format(Locale.ROOT, value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.3f", value);
  }
}
