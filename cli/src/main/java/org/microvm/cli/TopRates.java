package org.microvm.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** What a machine did per second between two readings of its statistics. */
final class TopRates {
  private static final double MICROS = 1e6;
  private static final double NANOS = 1e9;

  private final JsonNode before;
  private final JsonNode now;
  private final double seconds;

  /**
   * @param before the result of x-exit-stats
   * @param now a later result
   */
  TopRates(JsonNode before, JsonNode now) {
    this.before = before;
    this.now = now;
    // Measured by the machine's clock, because an answer may be delayed. A process that took the
    // guest over meanwhile may have another clock, so the time may be 0 or negative.
    seconds =
        Math.max(
            1 / MICROS,
            (now.path("takenMicros").asLong() - before.path("takenMicros").asLong()) / MICROS);
  }

  /**
   * A line of a group.
   *
   * @param group its group, such as port
   * @param name its name in the group
   * @param values the rates by their names, in the order of the columns
   */
  record Row(String group, String name, Map<String, Double> values) {
    /** The rate by which rows are sorted: the sum of all. */
    double total() {
      return values.values().stream().mapToDouble(Double::doubleValue).sum();
    }
  }

  /** All rows, grouped, in the order of the machine. */
  List<Row> rows() {
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < now.path("vcpus").size(); i++) {
      String at = "/vcpus/" + i;
      rows.add(
          new Row(
              "vCPU",
              Integer.toString(i),
              values(
                  "exits/s", rate(at + "/exits"),
                  "guest %", 100 * rate(at + "/guestNanos") / NANOS,
                  "host %", 100 * rate(at + "/hostNanos") / NANOS)));
    }
    reasons(rows);
    for (int i = 0; i < now.path("devices").size(); i++) {
      String at = "/devices/" + i;
      rows.add(
          new Row(
              "device",
              device(now.at(at)),
              values(
                  "irqs/s", rate(at + "/interrupts"),
                  "notifies/s", rate(at + "/notifications"),
                  "spurious/s", rate(at + "/spuriousWakeUps"))));
    }
    for (int i = 0; i < now.path("ports").size(); i++) {
      String at = "/ports/" + i;
      String name = now.at(at + "/nr").asText() + " " + now.at(at + "/name").asText();
      rows.add(
          new Row(
              "port",
              name.strip(),
              values(
                  "out B/s", rate(at + "/bytesFromGuest"),
                  "in B/s", rate(at + "/bytesToGuest"),
                  "stalls/s", rate(at + "/hostStalls") + rate(at + "/guestStalls"))));
    }
    return rows;
  }

  /**
   * Returns the name of a device: its type (virtio 1.3, section 5) and its address, because there
   * may be several of a type.
   */
  static String device(JsonNode device) {
    String kind =
        switch (device.path("deviceId").asInt()) {
          case 2 -> "virtio-blk ";
          case 3 -> "virtio-serial ";
          case 4 -> "virtio-rng ";
          default -> "";
        };
    return kind + device.path("address").asText();
  }

  /** All rows as a JSON object. */
  ObjectNode toJson() {
    ObjectNode json = JsonNodeFactory.instance.objectNode().put("seconds", seconds);
    ArrayNode list = json.putArray("rates");
    for (Row row : rows()) {
      ObjectNode node = list.addObject().put("group", row.group()).put("name", row.name());
      row.values().forEach(node::put);
    }
    return json;
  }

  /** The reasons of the exits of all vCPUs together. */
  private void reasons(List<Row> rows) {
    Set<String> names = new TreeSet<>();
    now.path("vcpus")
        .forEach(vcpu -> vcpu.path("exitsByReason").fieldNames().forEachRemaining(names::add));
    for (String name : names) {
      double sum = 0;
      for (int i = 0; i < now.path("vcpus").size(); i++) {
        sum += rate("/vcpus/" + i + "/exitsByReason/" + name);
      }
      rows.add(new Row("exit reason", name, values("exits/s", sum)));
    }
  }

  /** Names and rates in turn. */
  private static Map<String, Double> values(Object... pairs) {
    Map<String, Double> values = new LinkedHashMap<>();
    for (int i = 0; i < pairs.length; i += 2) {
      values.put((String) pairs[i], (Double) pairs[i + 1]);
    }
    return values;
  }

  private double rate(String path) {
    return (now.at(path).asDouble() - before.at(path).asDouble()) / seconds;
  }
}
