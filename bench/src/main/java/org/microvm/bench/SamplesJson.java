package org.microvm.bench;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * Converts measurements to JSON: objects for workload, subject and metric, with the median and all
 * values.
 */
final class SamplesJson {
  private SamplesJson() {}

  static ObjectNode of(Samples samples) {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    for (String workload : samples.workloads()) {
      ObjectNode ofWorkload = root.putObject(workload);
      for (String subject : samples.subjects()) {
        for (String metric : samples.metrics(workload)) {
          if (samples.has(workload, subject, metric)) {
            ObjectNode node = ofWorkload.withObjectProperty(subject).putObject(metric);
            node.put("median", samples.median(workload, subject, metric));
            samples.all(workload, subject, metric).forEach(node.putArray("values")::add);
          }
        }
      }
    }
    return root;
  }
}
