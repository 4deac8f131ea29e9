package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import org.microvm.linux.ErrnoException;
import org.microvm.machine.migration.Migration;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.machine.migration.MigrationMemory;
import org.microvm.machine.migration.MigrationProgress;
import org.microvm.machine.migration.MigrationProgress.Status;

/** The commands of live migration. */
final class MigrationCommands {
  /** The capability that makes each change of a migration's state an event. */
  private static final String EVENTS = "events";

  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
  private static final int PAGE = 4096;

  private final QmpTarget target;
  private final MigrationParameters parameters;
  private final QmpEvents events;
  private final DescriptorCommands descriptors;

  /** Why the last migration could not connect to its destination, or null. */
  private volatile String notBegun;

  /** Completes when the last command that starts a migration was replied to. */
  private volatile CompletableFuture<Void> replied = CompletableFuture.completedFuture(null);

  /** Whether the capability is set; written on the control socket's loop. */
  private volatile boolean tellsChanges;

  MigrationCommands(
      QmpTarget target, QmpEvents events, DescriptorCommands descriptors, ObjectCommands objects) {
    this.target = target;
    this.events = events;
    this.descriptors = descriptors;
    parameters = new MigrationParameters(target, objects);
  }

  void addTo(QmpCommands commands, CommandThreads threads) {
    commands.addSlow("migrate", arguments -> migrate(arguments, threads));
    commands.add("migrate-incoming", this::incoming);
    commands.add("migrate_cancel", this::cancel);
    commands.add("migrate-set-capabilities", this::setCapabilities);
    commands.add("query-migrate", this::query);
    commands.add("query-migrate-capabilities", this::queryCapabilities);
    parameters.addTo(commands);
  }

  /** Replies once the migration has started; the event MIGRATION reports its end, after that. */
  private CompletableFuture<JsonNode> migrate(QmpArguments arguments, CommandThreads threads)
      throws QmpException {
    String uri = arguments.text("uri");
    arguments.optionalFlag("detach"); // without effect in QEMU, too
    for (String name : List.of("blk", "inc", "resume")) {
      if (arguments.optionalFlag(name).orElse(false)) {
        throw QmpException.generic("Parameter '%s' is not supported: it must be false", name);
      }
    }
    arguments.finish();
    changed(Status.SETUP);
    try {
      MigrationAddress destination = destination(uri);
      MigrationLimits limits = parameters.limits();
      MigrationMemory memory = parameters.memory();
      CompletableFuture<Void> reply = new CompletableFuture<>();
      replied = reply;
      CompletableFuture<JsonNode> answer =
          threads.begin(() -> migrate(destination, limits, memory));
      threads.afterReply(answer, () -> reply.complete(null));
      return answer;
    } catch (IllegalArgumentException | QmpException e) {
      changed(Status.FAILED);
      throw QmpException.of(e);
    }
  }

  private void migrate(MigrationAddress destination, MigrationLimits limits, MigrationMemory memory)
      throws QmpException {
    try {
      target.migrate(destination, limits, memory);
      notBegun = null;
    } catch (IllegalArgumentException | IOException e) {
      if (!isUnreachable(e)) {
        changed(Status.FAILED);
        throw QmpException.of(e);
      }
      notBegun = e.getMessage();
      ended(NODES.objectNode().put("status", name(Status.FAILED)));
    }
  }

  /**
   * Sends the event that a migration has ended, after the reply to the command that started it.
   *
   * @param data the event's data
   */
  void ended(ObjectNode data) {
    replied.thenRun(() -> events.emit("MIGRATION", data));
  }

  private MigrationAddress destination(String uri) throws QmpException {
    return uri.startsWith(MigrationAddress.PASSED)
        ? new MigrationAddress.Passed(
            descriptors.take(uri.substring(MigrationAddress.PASSED.length())))
        : parameters.address(uri);
  }

  /**
   * Whether nothing listens at the address. As in QEMU, the migration then fails, but the command
   * succeeds.
   */
  private static boolean isUnreachable(Throwable e) {
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      if (cause instanceof ErrnoException failure) {
        return failure.call().startsWith("connect to ");
      }
    }
    return false;
  }

  private JsonNode incoming(QmpArguments arguments) throws QmpException {
    String uri = arguments.text("uri");
    arguments.finish();
    try {
      target.migrateIncoming(parameters.address(uri));
    } catch (IllegalArgumentException | IOException e) {
      throw QmpException.of(e);
    }
    return null;
  }

  /** Sends the event that a migration has entered a phase, if a client has set that capability. */
  void changed(Status now) {
    if (tellsChanges) {
      events.emit("MIGRATION", NODES.objectNode().put("status", name(now)));
    }
  }

  /** Returns QMP's name of a phase. */
  static String name(Status status) {
    return status.name().toLowerCase(Locale.ROOT);
  }

  private JsonNode cancel(QmpArguments arguments) throws QmpException {
    arguments.finish();
    target.migration().ifPresent(Migration::cancel);
    return null;
  }

  private JsonNode setCapabilities(QmpArguments arguments) throws QmpException {
    ArrayNode list = arguments.list("capabilities");
    arguments.finish();
    boolean wanted = tellsChanges;
    for (JsonNode element : list) {
      QmpArguments capability = QmpArguments.element("capabilities", element);
      String name = capability.text("capability");
      if (!name.equals(EVENTS)) {
        throw QmpException.generic("Parameter 'capability' does not accept value '%s'", name);
      }
      wanted = capability.flag("state");
      capability.finish();
    }
    tellsChanges = wanted;
    return null;
  }

  private JsonNode queryCapabilities(QmpArguments arguments) throws QmpException {
    arguments.finish();
    ArrayNode result = NODES.arrayNode();
    result.addObject().put("state", tellsChanges).put("capability", EVENTS);
    return result;
  }

  private JsonNode query(QmpArguments arguments) throws QmpException {
    arguments.finish();
    if (notBegun != null) {
      return NODES.objectNode().put("status", name(Status.FAILED)).put("error-desc", notBegun);
    }
    return target.migration().map(this::describe).orElse(null);
  }

  private JsonNode describe(Migration migration) {
    MigrationProgress progress = migration.progress();
    ObjectNode result = NODES.objectNode();
    result.put("status", name(progress.status()));
    result.put("total-time", progress.total().toMillis());
    result.put("downtime", progress.downtime().toMillis());
    long rate = progress.bytesPerSecond();
    if (progress.status() == Status.ACTIVE && rate > 0) {
      result.put("expected-downtime", progress.remainingBytes() * 1000 / rate);
    }
    result
        .putObject("ram")
        .put("total", target.facts().memoryBytes())
        .put("transferred", progress.sentBytes())
        .put("remaining", progress.remainingBytes())
        .put("page-size", PAGE)
        .put("normal", progress.sentBytes() / PAGE)
        .put("normal-bytes", progress.sentBytes())
        .put("duplicate", 0)
        .put("skipped", 0)
        .put("mbps", rate * 8 / 1e6)
        .put("pages-per-second", rate / PAGE)
        .put("dirty-sync-count", progress.rounds())
        .put("dirty-pages-rate", 0)
        .put("postcopy-requests", 0)
        .put("multifd-bytes", 0);
    if (!migration.failure().isEmpty()) {
      result.put("error-desc", migration.failure());
    }
    return result;
  }
}
