package org.microvm.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The measurements: lists of values by workload, subject and metric, in the order of insertion. */
final class Samples {
  /** The key of a list of values. */
  private record Key(String workload, String subject, String metric) {}

  private final Map<Key, List<Double>> values = new LinkedHashMap<>();

  void add(String workload, String subject, String metric, double value) {
    values.computeIfAbsent(new Key(workload, subject, metric), key -> new ArrayList<>()).add(value);
  }

  /** Returns all values with this key; the result is empty if no sample has the key. */
  List<Double> all(String workload, String subject, String metric) {
    return values.getOrDefault(new Key(workload, subject, metric), List.of());
  }

  boolean has(String workload, String subject, String metric) {
    return !all(workload, subject, metric).isEmpty();
  }

  double median(String workload, String subject, String metric) {
    return Median.of(all(workload, subject, metric));
  }

  Set<String> workloads() {
    Set<String> names = new LinkedHashSet<>();
    values.keySet().forEach(key -> names.add(key.workload()));
    return names;
  }

  Set<String> subjects() {
    Set<String> names = new LinkedHashSet<>();
    values.keySet().forEach(key -> names.add(key.subject()));
    return names;
  }

  Set<String> metrics(String workload) {
    Set<String> names = new LinkedHashSet<>();
    for (Key key : values.keySet()) {
      if (key.workload().equals(workload)) {
        names.add(key.metric());
      }
    }
    return names;
  }
}
