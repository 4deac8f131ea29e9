package org.microvm.agent;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Predicate;

/**
 * Reads an answer's fields: what must be there and is not, or is of another kind, is the agent's
 * mistake and not a null somewhere later.
 *
 * @param command the command that was asked, for messages
 * @param node what it returned
 */
record Answer(String command, JsonNode node) {
  /** Makes a value of one object in a list. */
  @FunctionalInterface
  interface Reader<T> {
    T read(Answer answer) throws AgentProtocolException;
  }

  String text(String field) throws AgentProtocolException {
    return required(field, JsonNode::isTextual, "a string").asText();
  }

  Optional<String> optionalText(String field) {
    return node.path(field).isTextual() ? Optional.of(node.get(field).asText()) : Optional.empty();
  }

  long number(String field) throws AgentProtocolException {
    return required(field, JsonNode::isIntegralNumber, "a number").asLong();
  }

  double real(String field) throws AgentProtocolException {
    return required(field, JsonNode::isNumber, "a number").asDouble();
  }

  OptionalLong optionalNumber(String field) {
    return node.path(field).isIntegralNumber()
        ? OptionalLong.of(node.get(field).asLong())
        : OptionalLong.empty();
  }

  boolean flag(String field) throws AgentProtocolException {
    return required(field, JsonNode::isBoolean, "true or false").asBoolean();
  }

  /** False where the agent leaves the field out. */
  boolean optionalFlag(String field) {
    return node.path(field).asBoolean();
  }

  /** Decoded base64; empty where the agent leaves the field out. */
  byte[] optionalBytes(String field) throws AgentProtocolException {
    try {
      return Base64.getDecoder().decode(node.path(field).asText());
    } catch (IllegalArgumentException e) {
      throw new AgentProtocolException(command + ": " + field + " is not base64", e);
    }
  }

  /** The objects of a list in this field; none where the agent leaves the field out. */
  <T> List<T> optionalList(String field, Reader<T> reader) throws AgentProtocolException {
    return node.has(field) ? new Answer(command, node.get(field)).list(reader) : List.of();
  }

  /** The objects of the list that this answer is. */
  <T> List<T> list(Reader<T> reader) throws AgentProtocolException {
    if (!node.isArray()) {
      throw new AgentProtocolException(command + ": the answer is not a list");
    }
    List<T> all = new ArrayList<>(node.size());
    for (JsonNode element : node) {
      all.add(reader.read(new Answer(command, element)));
    }
    return List.copyOf(all);
  }

  /** The strings of the list that this answer is. */
  List<String> texts(String field) throws AgentProtocolException {
    return optionalList(
        field,
        element -> {
          if (!element.node.isTextual()) {
            throw new AgentProtocolException(command + ": " + field + " has more than strings");
          }
          return element.node.asText();
        });
  }

  /** The number that this answer is. */
  long asNumber() throws AgentProtocolException {
    if (!node.isIntegralNumber()) {
      throw new AgentProtocolException(command + ": the answer is not a number");
    }
    return node.asLong();
  }

  /** The string that this answer is. */
  String asText() throws AgentProtocolException {
    if (!node.isTextual()) {
      throw new AgentProtocolException(command + ": the answer is not a string");
    }
    return node.asText();
  }

  private JsonNode required(String field, Predicate<JsonNode> kind, String name)
      throws AgentProtocolException {
    JsonNode value = node.path(field);
    if (!kind.test(value)) {
      throw new AgentProtocolException(
          command + ": the answer has no " + field + " that is " + name);
    }
    return value;
  }
}
