package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.microvm.virtioserial.options.ChardevOptions;
import org.microvm.virtioserial.options.ChardevSpec;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;

/**
 * The command human-monitor-command: the lines of QEMU's human monitor that scripts use most. A QMP
 * command carries out each line; the output has QEMU's format.
 */
final class HumanMonitor {
  private static final String END = "\r\n";

  /** A line of the monitor; the text after its name is empty if it takes none. */
  private interface Line {
    CompletableFuture<String> run(String rest) throws QmpException;
  }

  private final QmpCommands commands;
  private final Map<String, Line> lines = new TreeMap<>();
  private final Map<String, Line> infos = new TreeMap<>();

  HumanMonitor(QmpCommands commands) {
    this.commands = commands;
    for (String name : new String[] {"stop", "cont", "quit", "system_reset", "system_powerdown"}) {
      lines.put(name, rest -> nothing(name, null));
    }
    lines.put("c", lines.get("cont"));
    lines.put("q", lines.get("quit"));
    lines.put("s", lines.get("stop"));
    lines.put("migrate_cancel", rest -> nothing("migrate_cancel", null));
    lines.put(
        "migrate", rest -> nothing("migrate", object("uri", rest.replaceFirst("^-d\\s+", ""))));
    lines.put("device_add", this::addDevice);
    lines.put("device_del", rest -> nothing("device_del", object("id", rest)));
    lines.put("chardev-add", this::addChardev);
    lines.put("chardev-remove", rest -> nothing("chardev-remove", object("id", rest)));
    lines.put("balloon", rest -> nothing("balloon", object("value", rest)));
    infos.put("balloon", info("query-balloon", node -> ""));
    infos.put("block", info("query-block", HumanMonitor::blocks));
    infos.put("chardev", info("query-chardev", HumanMonitor::chardevs));
    infos.put("cpus", info("query-cpus-fast", HumanMonitor::cpus));
    infos.put("iothreads", info("query-iothreads", node -> ""));
    infos.put("kvm", info("query-kvm", node -> "kvm support: enabled" + END));
    infos.put("memory_size_summary", info("query-memory-size-summary", HumanMonitor::memory));
    infos.put("migrate", info("query-migrate", HumanMonitor::migration));
    infos.put("name", info("query-name", HumanMonitor::name));
    infos.put("network", rest -> printed(""));
    infos.put("pci", info("query-pci", node -> ""));
    infos.put("status", info("query-status", HumanMonitor::status));
    infos.put("uuid", info("query-uuid", node -> node.path("UUID").asText() + END));
    infos.put("version", info("query-version", HumanMonitor::version));
  }

  void addTo(QmpCommands to) {
    to.addSlow("human-monitor-command", this::command);
  }

  private CompletableFuture<JsonNode> command(QmpArguments arguments) throws QmpException {
    String line = arguments.text("command-line").strip();
    long cpu = arguments.optionalNumber("cpu-index").orElse(0L);
    arguments.finish();
    if (cpu < 0 || cpu >= run("query-cpus-fast", null).join().size()) {
      throw QmpException.generic("Parameter 'cpu-index' expects a CPU number");
    }
    return answer(line).thenApply(JsonNodeFactory.instance::textNode);
  }

  /** The version in the greeting. */
  String version() throws QmpException {
    JsonNode numbers = run("query-version", null).join().path("qemu");
    return "%d.%d.%d"
        .formatted(
            numbers.path("major").asInt(),
            numbers.path("minor").asInt(),
            numbers.path("micro").asInt());
  }

  /** Runs a line, and returns what the monitor prints; completes on the event loop. */
  CompletableFuture<String> answer(String typed) {
    String line = typed.strip();
    if (line.isEmpty()) {
      return printed("");
    }
    String[] words = line.split("\\s+", 2);
    String rest = words.length > 1 ? words[1] : "";
    if (words[0].equals("help") || words[0].equals("?") || line.equals("info")) {
      return printed(help());
    }
    if (words[0].equals("info")) {
      String[] topic = rest.split("\\s+", 2);
      return run(infos, "info ", topic[0], topic.length > 1 ? topic[1] : "");
    }
    return run(lines, "", words[0], rest);
  }

  private static CompletableFuture<String> printed(String text) {
    return CompletableFuture.completedFuture(text);
  }

  private static CompletableFuture<String> run(
      Map<String, Line> table, String prefix, String name, String rest) {
    Line line = table.get(name);
    if (line == null) {
      return printed("unknown command: '" + prefix + name + "'" + END);
    }
    boolean takesText =
        name.contains("_add")
            || name.contains("_del")
            || name.startsWith("chardev-")
            || name.equals("migrate")
            || name.equals("balloon");
    if (prefix.isEmpty() ? !takesText && !rest.isEmpty() : !rest.isEmpty()) {
      return printed(
          "%s: extraneous characters at the end of line%sTry \"help %s%s\" for more information%s"
              .formatted(name, END, prefix, name, END));
    }
    if (prefix.isEmpty() && takesText && rest.isEmpty()) {
      return printed("%s: an argument is missing%s".formatted(name, END));
    }
    try {
      return line.run(rest).exceptionallyCompose(HumanMonitor::failed);
    } catch (QmpException e) {
      return failed(e);
    }
  }

  private static CompletableFuture<String> failed(Throwable e) {
    Throwable cause = e instanceof CompletionException ? e.getCause() : e;
    return cause instanceof QmpException
        ? printed("Error: " + cause.getMessage() + END)
        : CompletableFuture.failedFuture(cause);
  }

  private String help() {
    return lines.keySet().stream().map(name -> name + END).collect(Collectors.joining())
        + infos.keySet().stream().map(name -> "info " + name + END).collect(Collectors.joining());
  }

  private CompletableFuture<JsonNode> run(String command, ObjectNode arguments)
      throws QmpException {
    ObjectNode given = arguments == null ? JsonNodeFactory.instance.objectNode() : arguments;
    return commands.run(new QmpRequest(command, given));
  }

  private CompletableFuture<String> nothing(String command, ObjectNode arguments)
      throws QmpException {
    return run(command, arguments).thenApply(_ -> "");
  }

  private static ObjectNode object(String name, String value) {
    return JsonNodeFactory.instance.objectNode().put(name, value);
  }

  private Line info(String command, Function<JsonNode, String> text) {
    return rest -> run(command, null).thenApply(text);
  }

  private CompletableFuture<String> addDevice(String rest) throws QmpException {
    try {
      OptionList options = OptionList.parse(rest);
      ObjectNode arguments = object("driver", options.kind());
      options.values().forEach(arguments::put);
      return nothing("device_add", arguments);
    } catch (OptionException e) {
      throw QmpException.of(e);
    }
  }

  private CompletableFuture<String> addChardev(String rest) throws QmpException {
    try {
      OptionList options = OptionList.parse(rest);
      ObjectNode arguments = object("id", options.need("id"));
      ChardevSpec spec = ChardevOptions.read(options);
      arguments.set("backend", SpecJson.backend(spec));
      return nothing("chardev-add", arguments);
    } catch (OptionException | IllegalArgumentException e) {
      throw QmpException.of(e);
    }
  }

  private static String status(JsonNode node) {
    String status = node.path("status").asText();
    boolean usual = status.equals("running") || status.equals("paused");
    return "VM status: "
        + (node.path("running").asBoolean() ? "running" : "paused")
        + (usual ? "" : " (" + status + ")")
        + END;
  }

  private static String version(JsonNode node) {
    JsonNode numbers = node.path("qemu");
    return "%d.%d.%d%s%s"
        .formatted(
            numbers.path("major").asInt(),
            numbers.path("minor").asInt(),
            numbers.path("micro").asInt(),
            node.path("package").asText(),
            END);
  }

  private static String name(JsonNode node) {
    return node.has("name") ? node.path("name").asText() + END : "";
  }

  private static String cpus(JsonNode list) {
    StringBuilder text = new StringBuilder();
    for (JsonNode cpu : list) {
      int index = cpu.path("cpu-index").asInt();
      text.append(index == 0 ? '*' : ' ').append(" CPU #").append(index).append(": thread_id=");
      text.append(cpu.path("thread-id").asInt()).append(END);
    }
    return text.toString();
  }

  private static String chardevs(JsonNode list) {
    StringBuilder text = new StringBuilder();
    for (JsonNode chardev : list) {
      text.append(chardev.path("label").asText()).append(": filename=");
      text.append(chardev.path("filename").asText()).append(END);
    }
    return text.toString();
  }

  private static String blocks(JsonNode list) {
    StringBuilder text = new StringBuilder();
    for (JsonNode disk : list) {
      JsonNode node = disk.path("inserted");
      text.append(disk.path("device").asText()).append(": ").append(node.path("file").asText());
      text.append(node.path("ro").asBoolean() ? " (raw, read-only)" : " (raw)").append(END);
    }
    return text.toString();
  }

  private static String memory(JsonNode node) {
    return "base memory: %d%splugged memory: %d%s"
        .formatted(
            node.path("base-memory").asLong(), END, node.path("plugged-memory").asLong(), END);
  }

  private static String migration(JsonNode node) {
    if (node.isEmpty()) {
      return "";
    }
    StringBuilder text = new StringBuilder("Migration status: ");
    text.append(node.path("status").asText());
    if (node.has("error-desc")) {
      text.append(" (").append(node.path("error-desc").asText()).append(')');
    }
    text.append(END).append("total time: ").append(node.path("total-time").asLong());
    text.append(" ms").append(END);
    for (String part : new String[] {"transferred", "remaining", "total"}) {
      text.append(part).append(" ram: ").append(node.path("ram").path(part).asLong() >> 10);
      text.append(" kbytes").append(END);
    }
    return text.toString();
  }
}
