package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Optional;
import org.microvm.qmp.ChannelRegistry.Device;
import org.microvm.virtioserial.PortException;
import org.microvm.virtioserial.PortInfo;
import org.microvm.virtioserial.backend.PortBackend;
import org.microvm.virtioserial.backend.PtyBackend;
import org.microvm.virtioserial.options.ChardevSpec;
import org.microvm.virtioserial.options.DeviceOptions;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.PortSpec;

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
    Chardev chardev = Chardev.open(id, chardevSpec(id, backend), target.eventLoop());
    registry.add(chardev);
    ObjectNode result = JsonNodeFactory.instance.objectNode();
    if (chardev.spare() instanceof PtyBackend pty) {
      result.put("pty", pty.path().toString());
    }
    return result;
  }

  private static ChardevSpec chardevSpec(String id, QmpArguments backend) throws QmpException {
    try {
      return SpecJson.chardev(backend);
    } catch (OptionException e) {
      throw QmpException.generic("chardev %s: %s", id, e.getMessage());
    }
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
    ObjectNode properties = arguments.rest();
    id.ifPresent(text -> properties.put("id", text));
    PortSpec port = portSpec(driver, properties);
    Chardev chardev = registry.chardev(port.chardev());
    if (chardev == null) {
      throw QmpException.generic(
          "Property '%s.chardev' can't find value '%s'", driver, port.chardev());
    }
    PortBackend backend = chardev.take(target.eventLoop());
    try {
      PortInfo info = target.channels().addPort(port.config(), backend);
      chardev.taken();
      registry.put(info, port);
    } catch (PortException e) {
      throw QmpException.generic("%s", e.getMessage());
    }
    return null;
  }

  private static PortSpec portSpec(String driver, ObjectNode properties) throws QmpException {
    try {
      return SpecJson.port(driver, properties);
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

  /** Checks an id by QEMU's rule, so that ids valid here are valid there. */
  private static void checkId(String id) throws QmpException {
    if (!id.matches("[A-Za-z][A-Za-z0-9._-]*")) {
      throw QmpException.generic(
          "Parameter 'id' expects an identifier: letters, digits, '-', '.', '_', a letter first");
    }
  }
}
