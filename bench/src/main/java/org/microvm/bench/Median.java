package org.microvm.bench;

import java.util.List;

/** The median of a few measurements, which a single slow run does not change much. */
final class Median {
  private Median() {}

  /** The median; for an even number of values, the lower one of the middle two. */
  static double of(List<Double> values) {
    if (values.isEmpty()) {
      throw new IllegalArgumentException("no measurement");
    }
    return values.stream().sorted().toList().get((values.size() - 1) / 2);
  }
}
