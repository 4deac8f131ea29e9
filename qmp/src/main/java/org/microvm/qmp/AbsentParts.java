package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.util.List;
import java.util.Optional;

/**
 * The commands with arguments for hardware that this machine does not have. The arguments are
 * checked. A command that requests no change succeeds; any other is refused, with QEMU's message
 * where QEMU refuses it too.
 */
final class AbsentParts {
  private final QmpTarget target;
  private final DescriptorCommands descriptors;

  AbsentParts(QmpTarget target, DescriptorCommands descriptors) {
    this.target = target;
    this.descriptors = descriptors;
  }

  void addTo(QmpCommands commands) {
    commands.add("add_client", this::addClient);
    commands.add("balloon", AbsentParts::balloon);
    commands.add("block_resize", this::resizeDisk);
    commands.add("screendump", AbsentParts::dumpScreen);
    commands.add("set_link", AbsentParts::setLink);
    commands.add("trace-event-get-state", AbsentParts::traceState);
    commands.add("trace-event-set-state", AbsentParts::setTraceState);
    commands.add("transaction", AbsentParts::transaction);
    commands.add("watchdog-set-action", AbsentParts::setWatchdogAction);
  }

  private JsonNode addClient(QmpArguments arguments) throws QmpException {
    String protocol = arguments.text("protocol");
    String name = arguments.text("fdname");
    arguments.optionalFlag("skipauth");
    arguments.optionalFlag("tls");
    arguments.finish();
    descriptors.take(name).close();
    throw QmpException.generic("protocol '%s' is invalid", protocol);
  }

  private static JsonNode balloon(QmpArguments arguments) throws QmpException {
    arguments.number("value");
    arguments.finish();
    throw new QmpException(QmpException.DEVICE_NOT_ACTIVE, FixedAnswers.NO_BALLOON);
  }

  private static JsonNode setLink(QmpArguments arguments) throws QmpException {
    String name = arguments.text("name");
    arguments.flag("up");
    arguments.finish();
    throw QmpException.notFound(name);
  }

  private JsonNode resizeDisk(QmpArguments arguments) throws QmpException {
    String device = arguments.optionalText("device").orElse("");
    String node = arguments.optionalText("node-name").orElse("");
    arguments.number("size");
    arguments.finish();
    for (int i = 0; i < target.facts().disks().size(); i++) {
      if (List.of(device, node).contains(InfoCommands.diskName(i))) {
        throw QmpException.generic("the size of a disk cannot change while the machine exists");
      }
    }
    throw QmpException.generic("Cannot find device='%s' nor node-name='%s'", device, node);
  }

  private static JsonNode dumpScreen(QmpArguments arguments) throws QmpException {
    arguments.text("filename");
    Optional<String> device = arguments.optionalText("device");
    boolean head = arguments.optionalNumber("head").isPresent();
    arguments.optionalChoice("format", List.of("ppm", "png"));
    arguments.finish();
    if (device.isPresent()) {
      throw QmpException.notFound(device.get());
    }
    throw QmpException.generic(
        head
            ? "'head' must be specified together with 'device'"
            : "There is no console to take a screendump from");
  }

  private static JsonNode traceState(QmpArguments arguments) throws QmpException {
    String name = arguments.text("name");
    arguments.optionalNumber("vcpu");
    arguments.finish();
    checkPattern(name);
    return JsonNodeFactory.instance.arrayNode();
  }

  private static JsonNode setTraceState(QmpArguments arguments) throws QmpException {
    String name = arguments.text("name");
    arguments.flag("enable");
    boolean ignored = arguments.optionalFlag("ignore-unavailable").orElse(false);
    arguments.optionalNumber("vcpu");
    arguments.finish();
    if (!ignored) {
      checkPattern(name);
    }
    return null;
  }

  /** A pattern matches no event, because there are none. */
  private static void checkPattern(String name) throws QmpException {
    if (name.indexOf('*') < 0 && name.indexOf('?') < 0) {
      throw QmpException.generic("unknown event \"%s\"", name);
    }
  }

  private static JsonNode transaction(QmpArguments arguments) throws QmpException {
    ArrayNode actions = arguments.list("actions");
    if (arguments.has("properties")) {
      QmpArguments properties = arguments.object("properties");
      properties.optionalChoice("completion-mode", List.of("individual", "grouped"));
      properties.finish();
    }
    arguments.finish();
    for (JsonNode element : actions) {
      String type = QmpArguments.element("actions", element).text("type");
      throw QmpException.generic("Parameter 'type' does not accept value '%s'", type);
    }
    return null;
  }

  private static JsonNode setWatchdogAction(QmpArguments arguments) throws QmpException {
    arguments.choice("action", GuestCommands.WATCHDOG_ACTIONS);
    arguments.finish();
    return null;
  }
}
