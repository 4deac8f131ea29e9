package org.microvm.cli;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.microvm.linux.Terminal;

/**
 * Lays a machine's rates out on a screen. Each row shows its numbers, and the history of the first
 * two of them.
 */
final class TopScreen {
  private static final int HISTORY = 200;
  private static final int NAME_WIDTH = 26;
  private static final int NUMBER_WIDTH = 11;
  private static final int COLUMNS = 3;
  private static final String[] UNITS = {"", "K", "M", "G", "T"};
  private static final double KILO = 1000;

  private final Map<String, TopHistory> histories = new HashMap<>();
  private final boolean unicode;
  private List<TopRates.Row> rows = List.of();
  private boolean sorted;

  /**
   * @param unicode whether the screen shows block characters
   */
  TopScreen(boolean unicode) {
    this.unicode = unicode;
  }

  /** Takes the next rates. */
  void add(TopRates rates) {
    rows = rates.rows();
    for (TopRates.Row row : rows) {
      row.values().forEach((what, rate) -> history(row, what).add(rate));
    }
  }

  /** Changes between the machine's order and busiest first, in each group. */
  void toggleSort() {
    sorted = !sorted;
  }

  private TopHistory history(TopRates.Row row, String what) {
    return histories.computeIfAbsent(
        row.group() + "/" + row.name() + "/" + what, _ -> new TopHistory(HISTORY));
  }

  /**
   * Draws the screen.
   *
   * @param size of the terminal
   * @param title the first line
   * @return the lines, at most as many as fit, each at most as wide as the screen
   */
  List<String> draw(Terminal.Size size, String title) {
    int columns = size.columns() > 0 ? size.columns() : 80;
    int height = size.rows() > 0 ? size.rows() : 24;
    List<String> lines = new ArrayList<>();
    lines.add(title);
    String group = "";
    for (TopRates.Row row : ordered()) {
      if (!row.group().equals(group)) {
        group = row.group();
        lines.add("");
        lines.add(heading(row));
      }
      lines.add(line(row, columns));
    }
    return lines.stream()
        .limit(Math.max(1, height - 1))
        .map(line -> line.substring(0, Math.min(line.length(), columns)).stripTrailing())
        .toList();
  }

  private List<TopRates.Row> ordered() {
    if (!sorted) {
      return rows;
    }
    List<String> groups = rows.stream().map(TopRates.Row::group).distinct().toList();
    return rows.stream()
        .sorted(
            Comparator.comparingInt((TopRates.Row row) -> groups.indexOf(row.group()))
                .thenComparing(Comparator.comparingDouble(TopRates.Row::total).reversed()))
        .toList();
  }

  private static String heading(TopRates.Row row) {
    StringBuilder line = new StringBuilder(pad(row.group(), NAME_WIDTH));
    row.values().keySet().forEach(what -> line.append(right(what)));
    return line.toString();
  }

  private String line(TopRates.Row row, int columns) {
    StringBuilder line = new StringBuilder(pad(GuestText.plain(row.name()), NAME_WIDTH));
    row.values().values().forEach(rate -> line.append(right(number(rate))));
    line.append(" ".repeat(NUMBER_WIDTH * (COLUMNS - row.values().size())));
    List<String> drawn = row.values().keySet().stream().limit(2).toList();
    int width = (columns - NAME_WIDTH - COLUMNS * NUMBER_WIDTH) / 2 - 2;
    if (width > 0) {
      drawn.forEach(what -> line.append("  ").append(history(row, what).draw(width, unicode)));
    }
    return line.toString();
  }

  private static String pad(String text, int width) {
    String cut = text.substring(0, Math.min(text.length(), width - 1));
    return cut + " ".repeat(width - cut.length());
  }

  private static String right(String text) {
    return " ".repeat(Math.max(1, NUMBER_WIDTH - text.length())) + text;
  }

  /** At most six characters for rates below 10^15. */
  static String number(double rate) {
    double rest = rate;
    int unit = 0;
    while (rest >= KILO && unit < UNITS.length - 1) {
      rest /= KILO;
      unit++;
    }
    return String.format(Locale.ROOT, "%.1f%s", rest, UNITS[unit]);
  }
}
