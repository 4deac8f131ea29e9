package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.microvm.machine.migration.Migration;
import org.microvm.machine.migration.MigrationProgress.Status;
import org.microvm.qmp.ChannelRegistry.Device;
import org.microvm.virtioserial.PortException;
import org.microvm.virtioserial.options.ChardevSpec;
import org.microvm.virtioserial.options.PassedSpec;
import org.microvm.virtioserial.options.SocketSpec;

/** The commands that disconnect peers that no longer answer. */
final class YankCommands {
  private static final String CHARDEV = "chardev";
  private static final String MIGRATION = "migration";
  private static final List<String> TYPES = List.of("block-node", CHARDEV, MIGRATION);

  private static final Set<Status> RUNNING = Set.of(Status.SETUP, Status.ACTIVE, Status.DEVICE);

  private final QmpTarget target;
  private final ChannelRegistry registry;

  YankCommands(QmpTarget target, ChannelRegistry registry) {
    this.target = target;
    this.registry = registry;
  }

  void addTo(QmpCommands commands, CommandThreads threads) {
    commands.add("query-yank", this::query);
    commands.addOutOfBand(QmpCommands.YANK, arguments -> yank(arguments, threads));
  }

  private JsonNode query(QmpArguments arguments) throws QmpException {
    arguments.finish();
    ArrayNode result = JsonNodeFactory.instance.arrayNode();
    for (Chardev chardev : registry.chardevs()) {
      if (isSocket(chardev)) {
        result.addObject().put("type", CHARDEV).put("id", chardev.id());
      }
    }
    if (runningMigration().isPresent()) {
      result.addObject().put("type", MIGRATION);
    }
    return result;
  }

  private static boolean isSocket(Chardev chardev) {
    ChardevSpec plain = chardev.spec().plain();
    return plain instanceof SocketSpec
        || (plain instanceof PassedSpec passed && passed.use() != PassedSpec.Use.FILE);
  }

  private Optional<Migration> runningMigration() {
    return target.migration().filter(migration -> RUNNING.contains(migration.progress().status()));
  }

  /** Cuts a connection. */
  private interface Cut {
    void make() throws QmpException;
  }

  /** Disconnects all of the connections, or none if one of them does not exist. */
  private CompletableFuture<JsonNode> yank(QmpArguments arguments, CommandThreads threads)
      throws QmpException {
    ArrayNode instances = arguments.list("instances");
    arguments.finish();
    List<Cut> cuts = new ArrayList<>();
    for (JsonNode element : instances) {
      QmpArguments instance = QmpArguments.element("instances", element);
      switch (instance.choice("type", TYPES)) {
        case CHARDEV -> cuts.add(chardev(instance.text("id")));
        // First, because ports are not disconnected while a migration stops the machine.
        case MIGRATION ->
            cuts.addFirst(runningMigration().orElseThrow(YankCommands::notFound)::cancel);
        default -> throw notFound();
      }
      instance.rest();
    }
    checkPorts(instances);
    return threads.begin(
        () -> {
          for (Cut cut : cuts) {
            cut.make();
          }
        });
  }

  /** Refuses to wait for ports, unless for the end of a migration that is cancelled first. */
  private void checkPorts(ArrayNode instances) throws QmpException {
    boolean cancels = instances.valueStream().anyMatch(YankCommands::isMigration);
    if (!cancels && !instances.isEmpty() && !target.channels().handover().thawed().isDone()) {
      throw QmpException.generic(
          "ports cannot be disconnected while a snapshot or a migration stops the machine");
    }
  }

  private static boolean isMigration(JsonNode instance) {
    return instance.path("type").asText().equals(MIGRATION);
  }

  private Cut chardev(String id) throws QmpException {
    Chardev chardev = registry.chardev(id);
    if (chardev == null || !isSocket(chardev)) {
      throw notFound();
    }
    Device user = registry.user(chardev);
    return () -> disconnect(user);
  }

  /** Does nothing to a chardev without a port, which has no connection. */
  private void disconnect(Device device) throws QmpException {
    if (device == null) {
      return;
    }
    try {
      target.channels().disconnect(device.info().nr());
    } catch (PortException e) {
      if (target.channels().ports().contains(device.info())) {
        throw QmpException.of(e);
      }
      // The port was removed, and with it the connection.
    }
  }

  private static QmpException notFound() {
    return new QmpException(QmpException.DEVICE_NOT_FOUND, "Instance not found");
  }
}
