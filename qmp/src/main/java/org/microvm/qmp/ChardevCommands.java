package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.microvm.linux.EventLoop;
import org.microvm.qmp.ChannelRegistry.Device;
import org.microvm.virtioserial.backend.PtyBackend;
import org.microvm.virtioserial.options.ChardevSpec;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.RingMemory;

/** The commands that add, change, remove and show chardevs. */
final class ChardevCommands {
  /**
   * The time limit of an exchange: longer than a snapshot or a migration usually blocks a machine's
   * event loop.
   */
  private static final long EXCHANGE_SECONDS = 5;

  private final QmpTarget target;
  private final ChannelRegistry registry;
  private final DescriptorCommands descriptors;
  private final Supplier<List<Monitor>> monitors;

  /**
   * The control socket itself, which is a chardev in QEMU.
   *
   * @param id its id
   * @param description what it is and where
   */
  record Monitor(String id, String description) {
    /** The monitors at these endpoints, with the ids that QEMU gives them. */
    static List<Monitor> all(List<? extends QmpClients> endpoints) {
      List<Monitor> all = new ArrayList<>();
      for (QmpClients endpoint : endpoints) {
        all.add(endpoint.monitor("compat_monitor" + all.size()));
      }
      return all;
    }
  }

  /** Completes when no host end is being exchanged; used on the control socket's loop. */
  private CompletableFuture<?> exchanged = CompletableFuture.completedFuture(null);

  ChardevCommands(
      QmpTarget target,
      ChannelRegistry registry,
      DescriptorCommands descriptors,
      Supplier<List<Monitor>> monitors) {
    this.target = target;
    this.registry = registry;
    this.descriptors = descriptors;
    this.monitors = monitors;
  }

  void addTo(QmpCommands commands, EventLoop loop) {
    commands.add("chardev-add", this::addChardev);
    commands.addSlow("chardev-change", arguments -> changeChardev(arguments, loop));
    commands.changesPorts("chardev-change");
    commands.add("chardev-remove", this::removeChardev);
    commands.add("chardev-send-break", this::sendBreak);
    commands.add("query-chardev-backends", ChardevCommands::queryBackends);
    commands.add("query-chardev", this::queryChardevs);
  }

  /** Returns a future that completes when no host end is being exchanged: ports stay until then. */
  CompletableFuture<?> exchanged() {
    return exchanged.copy();
  }

  private JsonNode addChardev(QmpArguments arguments) throws QmpException {
    String id = arguments.text("id");
    QmpArguments backend = arguments.object("backend");
    arguments.finish();
    if (id.chars().anyMatch(Character::isISOControl)) {
      throw QmpException.generic("Parameter 'id' expects a text without control characters");
    }
    if (registry.chardev(id) != null || isFixed(id)) {
      throw QmpException.generic("Chardev with id '%s' already exists", id);
    }
    return open(id, chardevSpec(id, backend));
  }

  /** Exchanges a chardev. One that no device uses is closed first, as in QEMU. */
  private CompletableFuture<JsonNode> changeChardev(QmpArguments arguments, EventLoop loop)
      throws QmpException {
    String id = arguments.text("id");
    QmpArguments backend = arguments.object("backend");
    arguments.finish();
    Chardev old = registry.chardev(id);
    if (old == null && !isFixed(id)) {
      throw QmpException.generic("Chardev '%s' does not exist", id);
    }
    if (old == null) {
      throw QmpException.generic("Chardev user does not support chardev hotswap");
    }
    ChardevSpec spec = chardevSpec(id, backend);
    if (old.busy()) {
      return exchange(old, spec, loop);
    }
    registry.remove(old);
    return CompletableFuture.completedFuture(open(id, spec));
  }

  /** Replaces the host end of a port; the old one stays if the new one cannot be opened. */
  private CompletableFuture<JsonNode> exchange(Chardev old, ChardevSpec spec, EventLoop loop)
      throws QmpException {
    Device device = registry.user(old);
    if (Chardev.isClipboard(old.spec()) || Chardev.isClipboard(spec)) {
      throw QmpException.generic("qemu-vdagent: cannot be exchanged while a port uses it");
    }
    Chardev next = Chardev.open(old.id(), spec, target.eventLoop());
    ObjectNode result = answer(next);
    CompletableFuture<Void> done =
        target.channels().exchangeBackend(device.info().nr(), next.spare());
    CompletableFuture<JsonNode> answer = new CompletableFuture<>();
    exchanged = answer.handle((_, _) -> null);
    done.copy()
        .orTimeout(EXCHANGE_SECONDS, TimeUnit.SECONDS)
        .whenComplete(
            (_, _) ->
                loop.execute(
                    () -> finishExchange(done, next, result, answer),
                    () -> cancelExchange(done, next)));
    return answer;
  }

  /** Takes the new host end over, or cancels the exchange if the machine's loop stays blocked. */
  private void finishExchange(
      CompletableFuture<Void> done,
      Chardev next,
      ObjectNode result,
      CompletableFuture<JsonNode> answer) {
    if (cancelExchange(done, next)) {
      answer.completeExceptionally(
          QmpException.generic(
              "chardev '%s' cannot be exchanged while a snapshot or a migration stops the host"
                  + " ends",
              next.id()));
    } else if (done.isCompletedExceptionally()) {
      next.close();
      answer.completeExceptionally(
          QmpException.generic("the port of chardev '%s' no longer exists", next.id()));
    } else {
      next.taken();
      registry.add(next);
      answer.complete(result);
    }
  }

  /** Returns whether the exchange is not done, and will not be. */
  private static boolean cancelExchange(CompletableFuture<Void> done, Chardev next) {
    boolean cancelled = done.cancel(false);
    if (cancelled) {
      next.close();
    }
    return cancelled;
  }

  private JsonNode open(String id, ChardevSpec spec) throws QmpException {
    Chardev chardev = Chardev.open(id, spec, target.eventLoop());
    registry.add(chardev);
    return answer(chardev);
  }

  private static ObjectNode answer(Chardev chardev) {
    ObjectNode result = JsonNodeFactory.instance.objectNode();
    if (chardev.spare().plain() instanceof PtyBackend pty) {
      result.put("pty", pty.path().toString());
    }
    return result;
  }

  private ChardevSpec chardevSpec(String id, QmpArguments backend) throws QmpException {
    try {
      ChardevSpec spec = SpecJson.chardev(backend, descriptors);
      List<ChardevSpec> others =
          registry.chardevs().stream()
              .filter(chardev -> !chardev.id().equals(id))
              .map(Chardev::spec)
              .toList();
      RingMemory.check(others, spec);
      return spec;
    } catch (OptionException e) {
      throw QmpException.generic("Failed to add chardev '%s': %s", id, e.getMessage());
    }
  }

  /** Whether an id is of a chardev that clients cannot change: a monitor's, or the UART's. */
  private boolean isFixed(String id) {
    return target.serialLines().containsKey(id)
        || monitors.get().stream().anyMatch(monitor -> monitor.id().equals(id));
  }

  private Chardev find(String id) throws QmpException {
    Chardev chardev = registry.chardev(id);
    if (chardev == null) {
      throw QmpException.generic("Chardev '%s' not found", id);
    }
    return chardev;
  }

  /** Does nothing, because only a serial line of the host can send a break. */
  private JsonNode sendBreak(QmpArguments arguments) throws QmpException {
    String id = arguments.text("id");
    arguments.finish();
    if (!isFixed(id)) {
      find(id);
    }
    return null;
  }

  private static JsonNode queryBackends(QmpArguments arguments) throws QmpException {
    arguments.finish();
    ArrayNode result = JsonNodeFactory.instance.arrayNode();
    SpecJson.TYPES.forEach(type -> result.addObject().put("name", type));
    return result;
  }

  private JsonNode removeChardev(QmpArguments arguments) throws QmpException {
    String id = arguments.text("id");
    arguments.finish();
    if (isFixed(id)) {
      throw QmpException.generic("Chardev '%s' is busy", id);
    }
    Chardev chardev = find(id);
    if (chardev.busy()) {
      throw QmpException.generic("Chardev '%s' is busy", id);
    }
    registry.remove(chardev);
    return null;
  }

  private JsonNode queryChardevs(QmpArguments arguments) throws QmpException {
    arguments.finish();
    ArrayNode result = JsonNodeFactory.instance.arrayNode();
    for (Monitor monitor : monitors.get()) {
      ObjectNode node = result.addObject().put("label", monitor.id());
      node.put("filename", monitor.description()).put("frontend-open", true);
    }
    target
        .serialLines()
        .forEach(
            (id, description) ->
                result
                    .addObject()
                    .put("label", id)
                    .put("filename", description)
                    .put("frontend-open", true));
    for (Chardev chardev : registry.chardevs()) {
      ObjectNode node = result.addObject().put("label", chardev.id());
      node.put("filename", chardev.describe()).put("frontend-open", false);
      Device user = registry.user(chardev);
      if (user != null) {
        PortJson.chardev(node, chardev, target.channels(), user.info());
      }
    }
    return result;
  }
}
