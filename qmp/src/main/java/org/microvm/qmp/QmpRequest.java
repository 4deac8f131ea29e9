package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * A command of a client.
 *
 * @param name of the command
 * @param arguments of the command; empty if there are none
 */
record QmpRequest(String name, ObjectNode arguments) {
  /** Parses a message; the error messages are those of QEMU. */
  static QmpRequest of(JsonNode message) throws QmpException {
    if (!message.isObject()) {
      throw QmpException.generic("QMP input must be a JSON object");
    }
    for (var names = message.fieldNames(); names.hasNext(); ) {
      String name = names.next();
      switch (name) {
        case "execute", "arguments", "id" -> {}
        default -> throw QmpException.generic("QMP input member '%s' is unexpected", name);
      }
    }
    JsonNode execute = message.path("execute");
    if (execute.isMissingNode()) {
      throw QmpException.generic("QMP input lacks member 'execute'");
    }
    if (!execute.isTextual()) {
      throw QmpException.generic("QMP input member 'execute' must be a string");
    }
    JsonNode arguments = message.path("arguments");
    if (arguments.isMissingNode()) {
      arguments = JsonNodeFactory.instance.objectNode();
    }
    if (!(arguments instanceof ObjectNode object)) {
      throw QmpException.generic("QMP input member 'arguments' must be an object");
    }
    return new QmpRequest(execute.textValue(), object);
  }
}
