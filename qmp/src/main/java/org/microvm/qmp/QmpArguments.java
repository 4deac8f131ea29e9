package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.microvm.linux.Fd;

/** The arguments of a command, taken one by one; {@link #finish} refuses those that are left. */
final class QmpArguments {
  private final ObjectNode node;
  private final String path;
  private final Set<String> taken = new HashSet<>();

  private final Supplier<Fd> descriptors;

  QmpArguments(ObjectNode node) {
    this(node, "", () -> null);
  }

  /**
   * @param descriptors returns the next descriptor that the client has sent, or null
   */
  QmpArguments(ObjectNode node, Supplier<Fd> descriptors) {
    this(node, "", descriptors);
  }

  private QmpArguments(ObjectNode node, String path, Supplier<Fd> descriptors) {
    this.node = node;
    this.path = path;
    this.descriptors = descriptors;
  }

  /** Takes a descriptor that came with the command, or returns null if there is none. */
  Fd descriptor() {
    return descriptors.get();
  }

  /** Returns the members of an object in a list. */
  static QmpArguments element(String list, JsonNode value) throws QmpException {
    if (!(value instanceof ObjectNode object)) {
      throw QmpException.generic("Invalid parameter type for '%s', expected: object", list);
    }
    return new QmpArguments(object);
  }

  /** Returns whether an argument is present. */
  boolean has(String name) {
    return node.has(name);
  }

  /** Takes a required string. */
  String text(String name) throws QmpException {
    return optionalText(name).orElseThrow(() -> missing(name));
  }

  /** Takes an optional string. */
  Optional<String> optionalText(String name) throws QmpException {
    JsonNode value = take(name);
    if (value != null && !value.isTextual()) {
      throw wrongType(name, "string");
    }
    return Optional.ofNullable(value).map(JsonNode::textValue);
  }

  /** Takes a required boolean. */
  boolean flag(String name) throws QmpException {
    return optionalFlag(name).orElseThrow(() -> missing(name));
  }

  /** Takes a required integer. */
  long number(String name) throws QmpException {
    return optionalNumber(name).orElseThrow(() -> missing(name));
  }

  /** Takes a required list. */
  ArrayNode list(String name) throws QmpException {
    return optionalList(name).orElseThrow(() -> missing(name));
  }

  /** Takes an optional boolean. */
  Optional<Boolean> optionalFlag(String name) throws QmpException {
    JsonNode value = take(name);
    if (value != null && !value.isBoolean()) {
      throw wrongType(name, "boolean");
    }
    return Optional.ofNullable(value).map(JsonNode::booleanValue);
  }

  /** Takes an optional integer. */
  Optional<Long> optionalNumber(String name) throws QmpException {
    JsonNode value = take(name);
    if (value != null && (!value.isIntegralNumber() || !value.canConvertToLong())) {
      throw wrongType(name, "integer");
    }
    return Optional.ofNullable(value).map(JsonNode::longValue);
  }

  /**
   * Takes an optional number of bytes, of 64 bits without a sign; one beyond the range of a long is
   * the largest long. As in QEMU, a negative number is a large one.
   */
  Optional<Long> optionalSize(String name) throws QmpException {
    JsonNode value = take(name);
    if (value != null && !value.isIntegralNumber()) {
      throw wrongType(name, "integer");
    }
    return Optional.ofNullable(value)
        .map(number -> number.canConvertToLong() ? number.longValue() : Long.MAX_VALUE)
        .map(number -> number < 0 ? Long.MAX_VALUE : number);
  }

  /** Takes a required string that is one of some values. */
  String choice(String name, List<String> values) throws QmpException {
    return optionalChoice(name, values).orElseThrow(() -> missing(name));
  }

  /** Takes an optional string that is one of some values. */
  Optional<String> optionalChoice(String name, List<String> values) throws QmpException {
    Optional<String> value = optionalText(name);
    if (value.isPresent() && !values.contains(value.get())) {
      throw QmpException.generic(
          "Parameter '%s%s' does not accept value '%s'", path, name, value.get());
    }
    return value;
  }

  /** Takes a required value of any type. */
  JsonNode any(String name) throws QmpException {
    JsonNode value = take(name);
    if (value == null) {
      throw missing(name);
    }
    return value;
  }

  /** Takes an optional list. */
  Optional<ArrayNode> optionalList(String name) throws QmpException {
    JsonNode value = take(name);
    if (value != null && !value.isArray()) {
      throw wrongType(name, "array");
    }
    return Optional.ofNullable((ArrayNode) value);
  }

  /** Takes a required object, whose members are arguments too. */
  QmpArguments object(String name) throws QmpException {
    JsonNode value = take(name);
    if (value == null) {
      throw missing(name);
    }
    if (!(value instanceof ObjectNode object)) {
      throw wrongType(name, "object");
    }
    return new QmpArguments(object, path + name + ".", () -> null);
  }

  /** Takes all remaining arguments. */
  ObjectNode rest() {
    ObjectNode rest = node.deepCopy();
    rest.remove(taken);
    node.fieldNames().forEachRemaining(taken::add);
    return rest;
  }

  /** Refuses the remaining arguments. */
  void finish() throws QmpException {
    for (var names = node.fieldNames(); names.hasNext(); ) {
      String name = names.next();
      if (!taken.contains(name)) {
        throw QmpException.generic("Parameter '%s%s' is unexpected", path, name);
      }
    }
  }

  private JsonNode take(String name) {
    taken.add(name);
    return node.get(name);
  }

  private QmpException missing(String name) {
    return QmpException.generic("Parameter '%s%s' is missing", path, name);
  }

  private QmpException wrongType(String name, String expected) {
    return QmpException.generic(
        "Invalid parameter type for '%s%s', expected: %s", path, name, expected);
  }
}
