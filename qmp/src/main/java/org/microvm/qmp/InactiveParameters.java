package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.LongNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The parameters of QEMU's migrations that have no effect here: each belongs to a capability or a
 * part that this machine does not have, such as multifd or a network card. They can be set and
 * queried, as in QEMU, where they have no effect either while that capability is off.
 */
final class InactiveParameters {
  /** A number with its default and its range. */
  private record Range(long value, long least, long most) {}

  private static final Map<String, Range> NUMBERS =
      Map.ofEntries(
          Map.entry("announce-initial", new Range(50, 0, 100_000)),
          Map.entry("announce-max", new Range(550, 0, 100_000)),
          Map.entry("announce-rounds", new Range(5, 0, 1000)),
          Map.entry("announce-step", new Range(100, 1, 10_000)),
          Map.entry("compress-level", new Range(1, 0, 9)),
          Map.entry("compress-threads", new Range(8, 1, 255)),
          Map.entry("decompress-threads", new Range(2, 1, 255)),
          Map.entry("cpu-throttle-increment", new Range(10, 1, 99)),
          Map.entry("cpu-throttle-initial", new Range(20, 1, 99)),
          Map.entry("max-cpu-throttle", new Range(99, 1, 99)),
          Map.entry("max-postcopy-bandwidth", new Range(0, 0, Long.MAX_VALUE)),
          Map.entry("multifd-channels", new Range(2, 1, 255)),
          Map.entry("multifd-zlib-level", new Range(1, 0, 9)),
          Map.entry("multifd-zstd-level", new Range(1, 0, 20)),
          Map.entry("throttle-trigger-threshold", new Range(50, 1, 100)),
          Map.entry("x-checkpoint-delay", new Range(20_000, 0, Integer.MAX_VALUE)),
          Map.entry("xbzrle-cache-size", new Range(64 << 20, 4096, Long.MAX_VALUE)));

  private static final List<String> OFF = List.of("block-incremental", "cpu-throttle-tailslow");
  private static final String WAIT = "compress-wait-thread";
  private static final String AUTHORIZATION = "tls-authz";
  private static final String COMPRESSION = "multifd-compression";
  private static final List<String> COMPRESSIONS = List.of("none", "zlib", "zstd");

  private final Map<String, JsonNode> values = new LinkedHashMap<>();

  /**
   * Creates the nodes directly, because loading a JSON parser would delay the start of a machine
   * with a control server.
   */
  InactiveParameters() {
    NUMBERS.forEach((name, range) -> values.put(name, LongNode.valueOf(range.value())));
    OFF.forEach(name -> values.put(name, BooleanNode.FALSE));
    values.put(WAIT, BooleanNode.TRUE);
    values.put(AUTHORIZATION, TextNode.valueOf(""));
    values.put(COMPRESSION, TextNode.valueOf("none"));
  }

  /**
   * Takes and checks the arguments that are such parameters.
   *
   * @return the values for {@link #set}, to be called once all other arguments were accepted
   */
  Map<String, JsonNode> take(QmpArguments arguments) throws QmpException {
    Map<String, JsonNode> taken = new LinkedHashMap<>();
    for (String name : values.keySet()) {
      if (!arguments.has(name)) {
        continue;
      }
      Range range = NUMBERS.get(name);
      if (range != null) {
        check(name, arguments.number(name), range);
      } else if (name.equals(AUTHORIZATION)) {
        arguments.text(name);
      } else if (name.equals(COMPRESSION)) {
        arguments.choice(name, COMPRESSIONS);
      } else {
        arguments.flag(name);
      }
      taken.put(name, arguments.any(name));
    }
    return taken;
  }

  private static void check(String name, long value, Range range) throws QmpException {
    if (value < range.least() || value > range.most()) {
      // QEMU has two ways to say it.
      throw QmpException.generic(
          name.contains("throttle")
              ? "Parameter '%s' expects an integer in the range of %d to %d"
              : "Parameter '%s' expects a value between %d and %d",
          name.replace('-', '_'),
          range.least(),
          range.most());
    }
  }

  void set(Map<String, JsonNode> taken) {
    values.putAll(taken);
  }

  void addTo(ObjectNode result) {
    values.forEach(result::set);
  }
}
