package org.microvm.bench;

import java.util.List;

/** The middle of a few measurements, which one slow run cannot move. */
final class Median {
  private Median() {}

  /** The median; of an even number the lower of the middle two. */
  static double of(List<Double> values) {
    if (values.isEmpty()) {
      throw new IllegalArgumentException("no measurement");
    }
    return values.stream().sorted().toList().get((values.size() - 1) / 2);
  }
}
