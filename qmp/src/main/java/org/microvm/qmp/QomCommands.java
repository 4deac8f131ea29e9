package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.microvm.machine.config.DiskConfig;
import org.microvm.qmp.ChannelRegistry.Device;

/**
 * The commands of QEMU's object model. The tree has the objects that exist here, at the paths that
 * they have in QEMU: the machine, its vCPUs, memory, disks, chardevs and ports.
 */
final class QomCommands {
  /** The path of the devices to which users gave an id. */
  static final String PERIPHERAL = "/machine/peripheral/";

  private static final String ANONYMOUS = "/machine/peripheral-anon";

  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
  private static final String CONTAINER = "container";
  private static final String STRING = "string";

  private final QmpTarget target;
  private final ChannelRegistry registry;
  private final ObjectCommands objects;

  QomCommands(QmpTarget target, ChannelRegistry registry, ObjectCommands objects) {
    this.target = target;
    this.registry = registry;
    this.objects = objects;
  }

  void addTo(QmpCommands commands) {
    commands.add("qom-list", this::list);
    commands.add("qom-get", this::get);
    commands.add("qom-set", this::set);
    commands.add("qom-list-types", this::listTypes);
    commands.add("device-list-properties", this::listProperties);
    commands.add("x-query-virtio", this::queryVirtio);
  }

  /** Lists the virtio devices of the tree. */
  private JsonNode queryVirtio(QmpArguments arguments) throws QmpException {
    arguments.finish();
    ArrayNode result = NODES.arrayNode();
    root()
        .find(ANONYMOUS)
        .children()
        .forEach(
            (name, device) ->
                result
                    .addObject()
                    .put("path", ANONYMOUS + "/" + name)
                    .put("name", device.type().replaceFirst("-device$", "")));
    return result;
  }

  private QomNode root() {
    MachineFacts facts = target.facts();
    QomNode root = new QomNode(CONTAINER);
    QomNode machine = root.add("machine", new QomNode(InfoCommands.MACHINE + "-machine"));
    machine.put("acpi", "OnOffAuto", facts.acpi() ? "on" : "off");
    QomNode peripheral = machine.add("peripheral", new QomNode(CONTAINER));
    for (Device device : registry.devices()) {
      peripheral.add(device.id(), port(device));
    }
    QomNode anonymous = machine.add("peripheral-anon", new QomNode(CONTAINER));
    anonymous.add("device[0]", new QomNode("virtio-serial-device")).put("realized", true);
    int index = 1;
    for (DiskConfig disk : facts.disks()) {
      QomNode node = new QomNode("virtio-blk-device");
      anonymous.add("device[" + index + "]", node).put("realized", true);
      node.put("drive", "str", disk.file().toString()).put("read-only", disk.readOnly());
      index++;
    }
    QomNode unattached = machine.add("unattached", new QomNode(CONTAINER));
    for (int i = 0; i < facts.topology().cpus(); i++) {
      QomNode cpu = unattached.add("device[" + i + "]", new QomNode(InfoCommands.CPU_TYPE));
      cpu.put("realized", true).put("apic-id", "uint32", facts.topology().apicId(i));
    }
    QomNode memory = new QomNode("memory-backend-memfd");
    memory.put("size", "int", facts.memoryBytes());
    QomNode added = root.add("objects", new QomNode(CONTAINER));
    added.add(InfoCommands.RAM, memory);
    objects.forEach((id, type) -> added.add(id, new QomNode(type)));
    QomNode chardevs = root.add("chardevs", new QomNode(CONTAINER));
    for (Chardev chardev : registry.chardevs()) {
      chardevs.add(chardev.id(), new QomNode("chardev-" + chardev.spec().kind()));
    }
    return root;
  }

  private static QomNode port(Device device) {
    boolean console = device.info().console();
    QomNode node = new QomNode(console ? "virtconsole" : "virtserialport");
    node.put("parent_bus", "link<bus>", "/machine/peripheral-anon/device[0]/virtio-serial-bus.0");
    node.put("realized", true).put("hotplugged", device.hotplugged()).put("hotpluggable", true);
    node.put("nr", "uint32", device.info().nr());
    node.put("name", "str", device.info().name().orElse(""));
    return node.put("chardev", "str", device.chardev());
  }

  private QomNode find(String path) throws QmpException {
    QomNode node = root().find(path);
    if (node == null) {
      throw QmpException.notFound(path);
    }
    return node;
  }

  private JsonNode list(QmpArguments arguments) throws QmpException {
    String path = arguments.text("path");
    arguments.finish();
    QomNode node = find(path);
    ArrayNode result = NODES.arrayNode();
    node.properties().forEach((name, property) -> entry(result, name, property.type()));
    node.children().forEach((name, child) -> entry(result, name, "child<" + child.type() + ">"));
    return result;
  }

  private static void entry(ArrayNode list, String name, String type) {
    list.addObject().put("name", name).put("type", type);
  }

  private JsonNode get(QmpArguments arguments) throws QmpException {
    String path = arguments.text("path");
    String name = arguments.text("property");
    arguments.finish();
    QomNode node = find(path);
    QomNode.Property property = node.properties().get(name);
    if (property != null) {
      return property.value();
    }
    if (node.children().containsKey(name)) {
      return NODES.textNode(path + "/" + name);
    }
    throw missing(node, name);
  }

  private static QmpException missing(QomNode node, String name) {
    return QmpException.generic("Property '%s.%s' not found", node.type(), name);
  }

  /** Refuses all properties: none of those that exist can be changed. */
  private JsonNode set(QmpArguments arguments) throws QmpException {
    String path = arguments.text("path");
    String name = arguments.text("property");
    arguments.any("value");
    arguments.finish();
    QomNode node = find(path);
    if (!node.properties().containsKey(name) && !node.children().containsKey(name)) {
      throw missing(node, name);
    }
    throw QmpException.generic("Property '%s.%s' is not writable", node.type(), name);
  }

  /** The types of objects that there can be, with the type that QEMU derives each from. */
  private static final Map<String, String> TYPES =
      new TreeMap<>(
          Map.ofEntries(
              Map.entry("chardev-file", "chardev-fd"),
              Map.entry("chardev-null", "chardev"),
              Map.entry("chardev-pipe", "chardev-fd"),
              Map.entry("chardev-pty", "chardev"),
              Map.entry("chardev-socket", "chardev"),
              Map.entry("chardev-stdio", "chardev-fd"),
              Map.entry(CONTAINER, "object"),
              Map.entry(InfoCommands.CPU_TYPE, "x86_64-cpu"),
              Map.entry("memory-backend-memfd", "memory-backend"),
              Map.entry(InfoCommands.MACHINE + "-machine", "x86-machine"),
              Map.entry("rng-builtin", "rng-backend"),
              Map.entry("rng-random", "rng-backend"),
              Map.entry("tls-creds-x509", "tls-creds"),
              Map.entry("virtconsole", "virtserialport"),
              Map.entry("virtio-blk-device", "virtio-device"),
              Map.entry("virtio-rng-device", "virtio-device"),
              Map.entry("virtio-serial-device", "virtio-device"),
              Map.entry("virtserialport", "virtio-serial-port")));

  private JsonNode listTypes(QmpArguments arguments) throws QmpException {
    Optional<String> ancestor = arguments.optionalText("implements");
    arguments.optionalFlag("abstract");
    arguments.finish();
    ArrayNode result = NODES.arrayNode();
    TYPES.forEach(
        (name, parent) -> {
          if (ancestor.isEmpty() || derives(name, ancestor.get())) {
            result.addObject().put("name", name).put("parent", parent);
          }
        });
    return result;
  }

  private static boolean derives(String type, String ancestor) {
    String at = type;
    while (at != null && !at.equals(ancestor)) {
      at = TYPES.get(at);
    }
    // The types above those in the table are devices or plain objects.
    return at != null || ancestor.equals("object");
  }

  private JsonNode listProperties(QmpArguments arguments) throws QmpException {
    String type = arguments.text("typename");
    arguments.finish();
    if (!TYPES.containsKey(type)) {
      throw QmpException.notFound(type);
    }
    ArrayNode result = NODES.arrayNode();
    if (type.equals("virtserialport") || type.equals("virtconsole")) {
      result.addObject().put("name", "nr").put("type", "uint32").put("default-value", 0xffff_ffffL);
      entry(result, "name", "str");
      result
          .addObject()
          .put("name", "chardev")
          .put("type", "str")
          .put("description", "ID of a chardev to use as a backend");
      for (String number : List.of("bps", "byte_limit", "guest_byte_limit", "ops")) {
        entry(result, number, "uint32");
      }
      entry(result, "cache_buffers", "bool");
      entry(result, "guest_close", STRING);
    }
    return result;
  }
}
