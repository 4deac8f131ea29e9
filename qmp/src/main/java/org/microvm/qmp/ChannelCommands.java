package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Map;
import java.util.Optional;
import org.microvm.qmp.ChannelRegistry.Device;
import org.microvm.virtioserial.PortException;
import org.microvm.virtioserial.PortInfo;
import org.microvm.virtioserial.backend.PortBackend;
import org.microvm.virtioserial.backend.PtyBackend;
import org.microvm.virtioserial.options.DeviceOptions;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionWords;

/** The commands that add, remove and show chardevs and ports. */
final class ChannelCommands {
  private final QmpTarget target;
  private final ChannelRegistry registry;

  ChannelCommands(QmpTarget target, ChannelRegistry registry) {
    this.target = target;
    this.registry = registry;
  }

  void addTo(QmpCommands commands) {
    commands.add("chardev-add", this::addChardev);
    commands.add("chardev-remove", this::removeChardev);
    commands.add("query-chardev", this::queryChardevs);
    commands.add("device_add", this::addDevice);
    commands.add("device_del", this::removeDevice);
    commands.add("x-query-ports", this::queryPorts);
  }

  private JsonNode addChardev(QmpArguments arguments) throws QmpException {
    String id = arguments.text("id");
    QmpArguments backend = arguments.object("backend");
    arguments.finish();
    checkId(id);
    if (registry.chardev(id) != null) {
      throw QmpException.generic("Chardev with id '%s' already exists", id);
    }
    Chardev chardev = Chardev.open(id, ChardevWords.of(backend), target.eventLoop());
    registry.add(chardev);
    ObjectNode result = JsonNodeFactory.instance.objectNode();
    if (chardev.spare() instanceof PtyBackend pty) {
      result.put("pty", pty.path().toString());
    }
    return result;
  }

  private JsonNode removeChardev(QmpArguments arguments) throws QmpException {
    String id = arguments.text("id");
    arguments.finish();
    Chardev chardev = registry.chardev(id);
    if (chardev == null) {
      throw QmpException.generic("Chardev '%s' not found", id);
    }
    if (chardev.busy()) {
      throw QmpException.generic("Chardev '%s' is busy", id);
    }
    registry.remove(chardev);
    return null;
  }

  private JsonNode queryChardevs(QmpArguments arguments) throws QmpException {
    arguments.finish();
    ArrayNode result = JsonNodeFactory.instance.arrayNode();
    for (Chardev chardev : registry.chardevs()) {
      ObjectNode node = result.addObject().put("label", chardev.id());
      node.put("filename", chardev.describe()).put("frontend-open", false);
      for (Device device : registry.devices()) {
        if (device.chardev().equals(chardev.id())) {
          PortJson.chardev(node, target.channels(), device.info());
        }
      }
    }
    return result;
  }

  private JsonNode addDevice(QmpArguments arguments) throws QmpException {
    String driver = arguments.text("driver");
    Optional<String> id = arguments.optionalText("id");
    if (!DeviceOptions.isPort(driver)) {
      throw QmpException.generic("'%s' is not a valid device model name", driver);
    }
    if (id.isPresent()) {
      checkId(id.get());
      if (registry.device(id.get()) != null) {
        throw QmpException.generic("Duplicate device ID '%s'", id.get());
      }
    }
    String words = portWords(driver, arguments.rest());
    DeviceOptions.PortOptions port = portOptions(words);
    Chardev chardev = registry.chardev(port.chardev());
    if (chardev == null) {
      throw QmpException.generic(
          "Property '%s.chardev' can't find value '%s'", driver, port.chardev());
    }
    PortBackend backend = chardev.take(target.eventLoop());
    try {
      PortInfo info = target.channels().addPort(port.config(), backend);
      chardev.taken();
      String named = id.map(name -> words + ",id=" + name).orElse(words);
      registry.put(id, info, chardev.id(), named);
    } catch (PortException e) {
      throw QmpException.generic("%s", e.getMessage());
    }
    return null;
  }

  private static String portWords(String driver, ObjectNode rest) throws QmpException {
    StringBuilder words = new StringBuilder(driver);
    for (Map.Entry<String, JsonNode> property : rest.properties()) {
      JsonNode value = property.getValue();
      if (!value.isValueNode() || value.isNull()) {
        throw QmpException.generic(
            "Invalid parameter type for '%s', expected: string", property.getKey());
      }
      String text = value.isBoolean() ? (value.booleanValue() ? "on" : "off") : value.asText();
      // Two commas stand for one in a value.
      words.append(',').append(property.getKey().replace(",", ",,")).append('=');
      words.append(text.replace(",", ",,"));
    }
    return words.toString();
  }

  private static DeviceOptions.PortOptions portOptions(String words) throws QmpException {
    try {
      return DeviceOptions.port(OptionWords.parse(words));
    } catch (OptionException e) {
      throw QmpException.generic("%s", e.getMessage());
    }
  }

  private JsonNode removeDevice(QmpArguments arguments) throws QmpException {
    String id = arguments.text("id");
    arguments.finish();
    Device device = registry.device(id);
    if (device == null) {
      throw new QmpException(QmpException.DEVICE_NOT_FOUND, "Device '%s' not found".formatted(id));
    }
    try {
      target.channels().removePort(device.info().nr());
    } catch (PortException e) {
      throw QmpException.generic("%s", e.getMessage());
    }
    registry.remove(device);
    return null;
  }

  private JsonNode queryPorts(QmpArguments arguments) throws QmpException {
    arguments.finish();
    ArrayNode result = JsonNodeFactory.instance.arrayNode();
    for (PortInfo info : target.channels().ports()) {
      PortJson.port(result, target.channels(), info, registry.device(info));
    }
    return result;
  }

  /** QEMU's rule for ids, so that what is called something here can be called so there. */
  private static void checkId(String id) throws QmpException {
    if (!id.matches("[A-Za-z][A-Za-z0-9._-]*")) {
      throw QmpException.generic(
          "Parameter 'id' expects an identifier: letters, digits, '-', '.', '_', a letter first");
    }
  }
}
