package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.microvm.kvm.KvmStats;

/** The commands about KVM's own counters of the VM and of its vCPUs. */
final class StatsCommands {
  private static final List<String> TARGETS = List.of("vm", "vcpu");
  private static final List<String> PROVIDERS = List.of("kvm");

  private final QmpTarget target;

  StatsCommands(QmpTarget target) {
    this.target = target;
  }

  void addTo(QmpCommands commands, CommandThreads threads) {
    commands.addSlow("query-stats", arguments -> threads.begin(query(arguments)));
    commands.addSlow("query-stats-schemas", arguments -> querySchemas(arguments, threads));
  }

  private CompletableFuture<JsonNode> querySchemas(QmpArguments arguments, CommandThreads threads)
      throws QmpException {
    arguments.optionalChoice("provider", PROVIDERS);
    arguments.finish();
    GuestAccess access = target.access();
    return threads.begin(() -> schemas(access));
  }

  private static JsonNode schemas(GuestAccess access) throws QmpException {
    ArrayNode result = JsonNodeFactory.instance.arrayNode();
    for (String of : TARGETS) {
      ObjectNode schema = result.addObject().put("provider", "kvm").put("target", of);
      ArrayNode stats = schema.putArray("stats");
      try {
        access.counters(of.equals("vcpu")).forEach(kind -> describe(stats, kind));
      } catch (IOException e) {
        throw QmpException.generic("%s", e.getMessage());
      }
    }
    return result;
  }

  /** Writes QMP's StatsSchemaValue. */
  private static void describe(ArrayNode stats, KvmStats.Kind kind) {
    ObjectNode node = stats.addObject().put("name", kind.name());
    node.put("type", kind.type().name().toLowerCase(Locale.ROOT).replace('_', '-'));
    if (kind.unit() != KvmStats.Unit.NONE) {
      node.put("unit", kind.unit().name().toLowerCase(Locale.ROOT));
    }
    node.put("exponent", kind.exponent());
    if (kind.exponent() != 0) {
      node.put("base", kind.base());
    }
    if (kind.type() == KvmStats.Type.LINEAR_HISTOGRAM) {
      node.put("bucket-size", kind.bucketSize());
    }
  }

  /** Which counters a client wants; empty for all. */
  private record Wanted(Optional<Set<String>> names, Optional<Set<String>> vcpus) {}

  private CommandThreads.Work query(QmpArguments arguments) throws QmpException {
    String of = arguments.choice("target", TARGETS);
    Optional<ArrayNode> providers = arguments.optionalList("providers");
    Optional<Set<String>> vcpus = Optional.empty();
    if (of.equals("vcpu")) {
      Optional<ArrayNode> list = arguments.optionalList("vcpus");
      vcpus = list.isPresent() ? Optional.of(texts("vcpus", list.get())) : vcpus;
    }
    arguments.finish();
    Optional<Set<String>> names = Optional.empty();
    for (JsonNode element : providers.orElseGet(JsonNodeFactory.instance::arrayNode)) {
      QmpArguments provider = QmpArguments.element("providers", element);
      provider.choice("provider", PROVIDERS);
      Optional<ArrayNode> list = provider.optionalList("names");
      provider.finish();
      names = list.isPresent() ? Optional.of(texts("names", list.get())) : Optional.empty();
    }
    Wanted wanted = new Wanted(names, vcpus);
    if (providers.isPresent() && providers.get().isEmpty()) {
      return JsonNodeFactory.instance::arrayNode;
    }
    return () -> counters(of, wanted);
  }

  private JsonNode counters(String of, Wanted wanted) {
    ArrayNode result = JsonNodeFactory.instance.arrayNode();
    JsonNode statistics = target.statistics();
    if (of.equals("vm")) {
      add(result, statistics.path("kvm"), wanted, null);
    }
    for (int i = 0; of.equals("vcpu") && i < statistics.path("vcpus").size(); i++) {
      String path = InfoCommands.cpuPath(i);
      if (wanted.vcpus().isEmpty() || wanted.vcpus().get().contains(path)) {
        add(result, statistics.path("vcpus").get(i).path("kvm"), wanted, path);
      }
    }
    return result;
  }

  private static Set<String> texts(String name, ArrayNode list) throws QmpException {
    Set<String> texts = new HashSet<>();
    for (JsonNode element : list) {
      if (!element.isTextual()) {
        throw QmpException.generic("Invalid parameter type for '%s', expected: string", name);
      }
      texts.add(element.textValue());
    }
    return texts;
  }

  /** Adds an entry; the values of a histogram, NAME[0] and so on, are one list. */
  private static void add(ArrayNode result, JsonNode counters, Wanted wanted, String path) {
    ObjectNode entry = JsonNodeFactory.instance.objectNode().put("provider", "kvm");
    if (path != null) {
      entry.put("qom-path", path);
    }
    ArrayNode stats = entry.putArray("stats");
    for (Map.Entry<String, JsonNode> counter : counters.properties()) {
      int bracket = counter.getKey().indexOf('[');
      String name = bracket < 0 ? counter.getKey() : counter.getKey().substring(0, bracket);
      if (wanted.names().isPresent() && !wanted.names().get().contains(name)) {
        continue;
      }
      if (bracket < 0) {
        stats.addObject().put("name", name).set("value", counter.getValue());
        continue;
      }
      JsonNode last = stats.isEmpty() ? null : stats.get(stats.size() - 1);
      if (last == null || !last.path("name").asText().equals(name)) {
        last = stats.addObject().put("name", name);
      }
      ((ObjectNode) last).withArray("/value").add(counter.getValue());
    }
    if (!stats.isEmpty()) {
      result.add(entry);
    }
  }
}
