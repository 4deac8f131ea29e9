package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.microvm.linux.ErrnoException;
import org.microvm.qmp.ChannelRegistry.Device;
import org.microvm.virtioserial.GuestClose;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.PortException;
import org.microvm.virtioserial.PortInfo;
import org.microvm.virtioserial.backend.NullBackend;
import org.microvm.virtioserial.backend.PortBackend;
import org.microvm.virtioserial.channel.ClipboardBackend;
import org.microvm.virtioserial.options.DeviceOptions;
import org.microvm.virtioserial.options.Identifier;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.PortSpec;

/** The commands that add, remove and show ports. */
final class PortCommands {
  private static final Pattern VIRTIO = Pattern.compile("virtio-(?:blk|rng|serial)-(device|pci)");

  private final QmpTarget target;
  private final ChannelRegistry registry;

  PortCommands(QmpTarget target, ChannelRegistry registry) {
    this.target = target;
    this.registry = registry;
  }

  void addTo(QmpCommands commands) {
    commands.add("device_add", this::addDevice);
    commands.changesPorts("device_add");
    commands.add("device_del", this::removeDevice);
    commands.changesPorts("device_del");
    commands.add("x-query-ports", this::queryPorts);
  }

  private JsonNode addDevice(QmpArguments arguments) throws QmpException {
    // QEMU takes a number for a name that does not exist.
    String driver = arguments.any("driver").asText();
    Optional<String> id = arguments.optionalText("id");
    if (!DeviceOptions.isPort(driver)) {
      throw notAPort(driver);
    }
    if (id.isPresent()) {
      checkId(id.get());
      if (registry.device(id.get()) != null) {
        throw QmpException.generic("Duplicate device ID '%s'", id.get());
      }
    }
    ObjectNode properties = arguments.rest();
    id.ifPresent(text -> properties.put("id", text));
    SpecJson.checkNames(driver, properties);
    checkBus(properties);
    checkChardev(driver, properties.path("chardev").asText());
    PortSpec port = portSpec(driver, properties);
    checkFree(port);
    if (port.chardev().isEmpty()) {
      addWithoutHostEnd(port);
      return null;
    }
    Chardev chardev = registry.chardev(port.chardev());
    if (Chardev.isClipboard(chardev.spec()) && port.config().console()) {
      throw QmpException.generic("chardev '%s' is for a virtserialport", chardev.id());
    }
    PortBackend backend = chardev.take(driver, target.eventLoop());
    registry.put(addPort(port, backend), port);
    chardev.taken();
    return null;
  }

  /** As in QEMU, the guest's output to such a port is dropped. */
  private void addWithoutHostEnd(PortSpec port) throws QmpException {
    PortBackend backend;
    try {
      backend = NullBackend.open();
    } catch (ErrnoException e) {
      throw QmpException.of(e);
    }
    try {
      registry.put(addPort(port, backend), port);
    } catch (QmpException e) {
      backend.close();
      throw e;
    }
  }

  private PortInfo addPort(PortSpec port, PortBackend backend) throws QmpException {
    try {
      // A restarted agent must not get the rest of a message to its predecessor.
      boolean agent = backend.plain() instanceof ClipboardBackend;
      PortConfig config = port.config();
      return target
          .channels()
          .addPort(agent ? config.withGuestClose(GuestClose.DISCONNECT) : config, backend);
    } catch (PortException e) {
      throw QmpException.of(e);
    }
  }

  /**
   * Returns why a device other than a port cannot be added: it does not exist, or not while the
   * machine runs.
   */
  private static QmpException notAPort(String driver) {
    Matcher virtio = VIRTIO.matcher(driver);
    if (!virtio.matches()) {
      return QmpException.generic("'%s' is not a valid device model name", driver);
    }
    return virtio.group(1).equals("pci")
        ? QmpException.generic("No 'PCI' bus found for device '%s'", driver)
        : QmpException.generic("Bus 'virtio-mmio-bus.0' does not support hotplugging");
  }

  /**
   * Refuses a chardev that does not exist or is in use. As in QEMU, this is checked before the
   * other properties.
   */
  private void checkChardev(String driver, String id) throws QmpException {
    if (id.isEmpty()) {
      return;
    }
    Chardev chardev = registry.chardev(id);
    if (chardev == null) {
      throw QmpException.generic("Property '%s.chardev' can't find value '%s'", driver, id);
    }
    chardev.checkFree(driver);
  }

  private void checkBus(ObjectNode properties) throws QmpException {
    String bus = properties.path("bus").asText();
    if (properties.has("bus") && !registry.isBus(bus)) {
      throw QmpException.generic("Bus '%s' not found", bus);
    }
  }

  /** Refuses a name or a number that another port has, as QEMU does. */
  private void checkFree(PortSpec port) throws QmpException {
    for (PortInfo other : target.channels().ports()) {
      if (other.name().isPresent() && other.name().equals(port.config().name())) {
        throw QmpException.generic(
            "virtio-serial-bus: A port already exists by name %s", other.name().get());
      }
      if (other.nr() == port.config().nr()) {
        throw QmpException.generic("virtio-serial-bus: A port already exists at id %d", other.nr());
      }
    }
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
    // The path is how DEVICE_DELETED names it.
    Device device =
        registry.device(
            id.startsWith(QomCommands.PERIPHERAL)
                ? id.substring(QomCommands.PERIPHERAL.length())
                : id);
    if (device == null) {
      throw QmpException.notFound(id);
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

  /**
   * Checks an id by QEMU's rule, so that ids valid here are valid there; the answer is QEMU's, too.
   */
  static void checkId(String id) throws QmpException {
    if (!Identifier.isValid(id)) {
      throw QmpException.generic("Parameter 'id' expects an identifier");
    }
  }
}
