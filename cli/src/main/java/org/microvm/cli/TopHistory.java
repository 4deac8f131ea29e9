package org.microvm.cli;

import java.util.ArrayDeque;
import java.util.Deque;

/** The last rates of one number, drawn as a line of bars. */
final class TopHistory {
  private static final String BARS = " \u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588";
  private static final String ASCII = " .:-=+*%#";

  private final Deque<Double> rates = new ArrayDeque<>();
  private final int capacity;

  /**
   * @param capacity how many rates are kept
   */
  TopHistory(int capacity) {
    this.capacity = capacity;
  }

  void add(double rate) {
    if (rates.size() == capacity) {
      rates.removeFirst();
    }
    rates.addLast(rate);
  }

  /**
   * Draws the rates, the latest at the right. The highest bar is the highest rate that is shown; a
   * rate above 0 has at least the lowest bar.
   *
   * @param width in characters
   * @param unicode whether the screen shows block characters
   */
  String draw(int width, boolean unicode) {
    String bars = unicode ? BARS : ASCII;
    double[] shown =
        rates.stream()
            .skip(Math.max(0, rates.size() - width))
            .mapToDouble(Double::doubleValue)
            .toArray();
    double most = 0;
    for (double rate : shown) {
      most = Math.max(most, rate);
    }
    StringBuilder line = new StringBuilder(" ".repeat(Math.max(0, width - shown.length)));
    for (double rate : shown) {
      int height = rate <= 0 ? 0 : (int) Math.ceil(rate / most * (bars.length() - 1));
      line.append(bars.charAt(height));
    }
    return line.toString();
  }
}
