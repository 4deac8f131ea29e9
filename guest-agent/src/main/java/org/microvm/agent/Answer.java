package org.microvm.agent;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.BinaryNode;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Predicate;

/**
 * Reads the fields of an answer. A required field that is missing or has the wrong type is reported
 * here as an error of the agent, and not as a null later.
 *
 * @param command the command that was sent, for messages
 * @param node the value that it returned
 */
record Answer(String command, JsonNode node) {
  /** Converts one object of a list to a value. */
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

  /** False if the agent omits the field. */
  boolean optionalFlag(String field) {
    return node.path(field).asBoolean();
  }

  /** Decoded base64; empty if the agent omits the field. */
  byte[] optionalBytes(String field) throws AgentProtocolException {
    if (node.path(field).isBinary()) {
      return ((BinaryNode) node.get(field)).binaryValue();
    }
    try {
      return Base64.getDecoder().decode(node.path(field).asText());
    } catch (IllegalArgumentException e) {
      throw new AgentProtocolException(command + ": " + field + " is not base64", e);
    }
  }

  /** The objects of a list in this field; none if the agent omits the field. */
  <T> List<T> optionalList(String field, Reader<T> reader) throws AgentProtocolException {
    return node.has(field) ? new Answer(command, node.get(field)).list(reader) : List.of();
  }

  /** The objects of this answer, which must be a list. */
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

  /** The strings of a list in this field; none if the agent omits the field. */
  List<String> texts(String field) throws AgentProtocolException {
    return optionalList(
        field,
        element -> {
          if (!element.node.isTextual()) {
            throw new AgentProtocolException(
                command + ": " + field + " contains a value that is not a string");
          }
          return element.node.asText();
        });
  }

  /** This answer, which must be a number. */
  long asNumber() throws AgentProtocolException {
    if (!node.isIntegralNumber()) {
      throw new AgentProtocolException(command + ": the answer is not a number");
    }
    return node.asLong();
  }

  /** This answer, which must be a string. */
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
