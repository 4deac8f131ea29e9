package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * The command query-qmp-schema: the types of the commands' arguments and answers and of the events,
 * in the form of QEMU's SchemaInfo (qapi/introspect.json). Types have readable names.
 */
final class QmpSchema {
  private static final String RESOURCE = "schema.txt";
  private static final String EMPTY = "q_empty";
  private static final String TYPE = "meta-type";
  private static final String MEMBERS = "members";
  private static final String OBJECT = "object";

  private final ArrayNode entries = JsonNodeFactory.instance.arrayNode();

  /** The list types that were mentioned. */
  private final Set<String> lists = new TreeSet<>();

  private QmpSchema() {}

  static void addTo(QmpCommands commands) {
    commands.add("query-qmp-schema", QmpSchema::query);
  }

  private static JsonNode query(QmpArguments arguments) throws QmpException {
    arguments.finish();
    return read();
  }

  /** Returns the entries. */
  static ArrayNode read() {
    QmpSchema schema = new QmpSchema();
    schema.builtin("str", "string");
    schema.builtin("int", "int");
    schema.builtin("number", "number");
    schema.builtin("bool", "boolean");
    schema.builtin("any", "value");
    schema.entry(EMPTY, OBJECT).putArray(MEMBERS);
    text().lines().filter(line -> !line.isBlank() && !line.startsWith("#")).forEach(schema::line);
    for (String list : schema.lists) {
      schema.entry(list, "array").put("element-type", list.substring(1, list.length() - 1));
    }
    return inQemusOrder(schema.entries);
  }

  /** Commands and events come before the types that they mention. */
  private static ArrayNode inQemusOrder(ArrayNode entries) {
    ArrayNode ordered = JsonNodeFactory.instance.arrayNode();
    for (boolean first : new boolean[] {true, false}) {
      for (JsonNode entry : entries) {
        boolean entity = List.of("command", "event").contains(entry.path(TYPE).asText());
        if (entity == first) {
          ordered.add(entry);
        }
      }
    }
    return ordered;
  }

  private static String text() {
    try (InputStream in = QmpSchema.class.getResourceAsStream(RESOURCE)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private ObjectNode entry(String name, String metaType) {
    return entries.addObject().put("name", name).put(TYPE, metaType);
  }

  private void builtin(String name, String jsonType) {
    entry(name, "builtin").put("json-type", jsonType);
  }

  private void line(String line) {
    List<String> words = List.of(line.split(" "));
    String name = words.get(1);
    List<String> rest = words.subList(2, words.size());
    switch (words.getFirst()) {
      case "enum" -> choices(name, rest);
      case "struct" -> members(entry(name, OBJECT), rest);
      case "union" -> union(name, rest);
      case "command" -> command(name, rest);
      case "event" -> {
        String type = arguments(name, rest);
        entry(name, "event").put("arg-type", type);
      }
      default -> throw new IllegalStateException(line);
    }
  }

  private void choices(String name, List<String> values) {
    ObjectNode node = entry(name, "enum");
    ArrayNode members = node.putArray(MEMBERS);
    ArrayNode plain = node.putArray("values");
    for (String value : values) {
      members.addObject().put("name", value);
      plain.add(value);
    }
  }

  private void members(ObjectNode node, List<String> words) {
    ArrayNode members = node.putArray(MEMBERS);
    for (String word : words) {
      int colon = word.indexOf(':');
      boolean optional = word.charAt(colon - 1) == '?';
      ObjectNode member = members.addObject();
      member.put("name", word.substring(0, optional ? colon - 1 : colon));
      member.put("type", type(word.substring(colon + 1)));
      if (optional) {
        member.putNull("default");
      }
    }
  }

  private String type(String name) {
    if (name.startsWith("[")) {
      lists.add(name);
    }
    return name;
  }

  private void union(String name, List<String> words) {
    int bar = words.indexOf("|");
    ObjectNode node = entry(name, OBJECT);
    members(node, words.subList(0, bar));
    node.put("tag", words.getFirst().replaceFirst(":.*", ""));
    ArrayNode variants = node.putArray("variants");
    for (String word : words.subList(bar + 1, words.size())) {
      String[] parts = word.split(":");
      variants.addObject().put("case", parts[0]).put("type", parts[1]);
    }
  }

  private void command(String name, List<String> words) {
    int arrow = words.indexOf("->");
    String type = arguments(name, arrow < 0 ? words : words.subList(0, arrow));
    entry(name, "command")
        .put("arg-type", type)
        .put("ret-type", arrow < 0 ? EMPTY : type(words.get(arrow + 1)))
        .put("allow-oob", name.equals(QmpCommands.YANK));
  }

  /** Adds the type of the arguments of a command or of an event's data, and returns its name. */
  private String arguments(String name, List<String> words) {
    if (words.isEmpty()) {
      return EMPTY;
    }
    String type = "q_obj_" + name + "-arg";
    members(entry(type, OBJECT), words);
    return type;
  }
}
