package org.microvm.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Draws groups of horizontal bars as SVG, with the value after each bar. On a logarithmic axis a
 * bar for zero has no length.
 */
final class BarChart {
  private static final int WIDTH = 760;
  private static final int LABELS = 230;
  private static final int VALUES = 90;
  private static final int BAR = 16;
  private static final int GAP = 12;
  private static final int TOP = 34;
  private static final List<String> COLOURS = List.of("#2b6cb0", "#c05621", "#718096", "#2f855a");

  /** One bar. */
  private record Bar(String group, String name, double value) {}

  private final String title;
  private final boolean logarithmic;
  private final List<Bar> bars = new ArrayList<>();

  BarChart(String title, boolean logarithmic) {
    this.title = title;
    this.logarithmic = logarithmic;
  }

  /** Draws the medians of a metric: a group for each workload, and a bar for each subject. */
  static BarChart ofMedians(Samples samples, String title, String metric, boolean logarithmic) {
    BarChart chart = new BarChart(logarithmic ? title + " (logarithmic)" : title, logarithmic);
    for (String workload : samples.workloads()) {
      for (String subject : samples.subjects()) {
        if (samples.has(workload, subject, metric)) {
          chart.bar(workload, subject, samples.median(workload, subject, metric));
        }
      }
    }
    return chart;
  }

  BarChart bar(String group, String name, double value) {
    bars.add(new Bar(group, name, value));
    return this;
  }

  String toSvg() {
    List<String> names = bars.stream().map(Bar::name).distinct().toList();
    StringBuilder body = new StringBuilder();
    int y = TOP;
    String group = null;
    for (Bar bar : bars) {
      if (!bar.group().equals(group)) {
        y += group == null ? 0 : GAP;
        group = bar.group();
        text(body, LABELS - 8, y + BAR - 4, "end", group);
      }
      double length = length(bar.value());
      body.append(
          format(
              "<rect x='%d' y='%d' width='%.1f' height='%d' fill='%s'/>%n",
              LABELS, y, length, BAR - 2, COLOURS.get(names.indexOf(bar.name()) % COLOURS.size())));
      String label = bar.name() + "  " + ChannelReport.number(bar.value());
      text(body, (int) (LABELS + length) + 5, y + BAR - 4, "start", label);
      y += BAR;
    }
    return format(
            "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' width='%d'"
                + " font-family='sans-serif' font-size='12'>%n",
            WIDTH + VALUES, y + GAP, WIDTH + VALUES)
        + format("<text x='8' y='18' font-weight='bold'>%s</text>%n", escape(title))
        + body
        + "</svg>\n";
  }

  private double length(double value) {
    double room = WIDTH - LABELS - VALUES;
    double most = bars.stream().mapToDouble(Bar::value).max().orElse(1);
    if (most <= 0 || value <= 0) {
      return 0;
    }
    if (!logarithmic) {
      return room * value / most;
    }
    double least = bars.stream().mapToDouble(Bar::value).filter(v -> v > 0).min().orElse(most);
    // The shortest bar must still be visible.
    double bottom = Math.log10(least) - 0.3;
    return room * (Math.log10(value) - bottom) / (Math.log10(most) - bottom);
  }

  private static void text(StringBuilder body, int x, int y, String anchor, String text) {
    body.append(
        format("<text x='%d' y='%d' text-anchor='%s'>%s</text>%n", x, y, anchor, escape(text)));
  }

  static String escape(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }

  private static String format(String pattern, Object... values) {
    return String.format(Locale.ROOT, pattern, values);
  }
}
