package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.function.Supplier;
import org.microvm.linux.Fd;

/**
 * A command of a client.
 *
 * @param name of the command
 * @param arguments of the command; empty if there are none
 * @param outOfBand whether it is to overtake other commands
 * @param descriptors returns the next descriptor that came with it, or null
 */
record QmpRequest(String name, ObjectNode arguments, boolean outOfBand, Supplier<Fd> descriptors) {
  /** A command that comes from no client. */
  QmpRequest(String name, ObjectNode arguments) {
    this(name, arguments, false, () -> null);
  }

  /**
   * Parses a message; the error messages are those of QEMU.
   *
   * @param oob whether the client has enabled commands out of band
   * @param descriptors returns the next descriptor that the client has sent, or null
   */
  static QmpRequest of(JsonNode message, boolean oob, Supplier<Fd> descriptors)
      throws QmpException {
    if (!message.isObject()) {
      throw QmpException.generic("QMP input must be a JSON object");
    }
    for (var names = message.fieldNames(); names.hasNext(); ) {
      String name = names.next();
      switch (name) {
        case "execute", "arguments", "id" -> {}
        case "exec-oob" -> {
          if (!oob) {
            throw QmpException.generic("QMP input member '%s' is unexpected", name);
          }
        }
        default -> throw QmpException.generic("QMP input member '%s' is unexpected", name);
      }
    }
    boolean outOfBand = message.has("exec-oob");
    if (outOfBand && message.has("execute")) {
      throw QmpException.generic("QMP input member 'exec-oob' clashes with 'execute'");
    }
    String member = outOfBand ? "exec-oob" : "execute";
    JsonNode execute = message.path(member);
    if (execute.isMissingNode()) {
      throw QmpException.generic("QMP input lacks member 'execute'");
    }
    if (!execute.isTextual()) {
      throw QmpException.generic("QMP input member '%s' must be a string", member);
    }
    JsonNode arguments = message.path("arguments");
    if (arguments.isMissingNode()) {
      arguments = JsonNodeFactory.instance.objectNode();
    }
    if (!(arguments instanceof ObjectNode object)) {
      throw QmpException.generic("QMP input member 'arguments' must be an object");
    }
    return new QmpRequest(execute.textValue(), object, outOfBand, descriptors);
  }
}
