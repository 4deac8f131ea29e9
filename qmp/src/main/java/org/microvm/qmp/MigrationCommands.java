package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import org.microvm.machine.migration.Migration;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.machine.migration.MigrationAddress.Tls;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.machine.migration.MigrationMemory;
import org.microvm.machine.migration.MigrationProgress;

/** The commands of live migration. */
final class MigrationCommands {
  private final QmpTarget target;
  private MigrationLimits limits = MigrationLimits.DEFAULT;
  private MigrationMemory memory = MigrationMemory.AUTO;
  private Optional<Path> credentials = Optional.empty();
  private Optional<String> hostName = Optional.empty();

  MigrationCommands(QmpTarget target) {
    this.target = target;
  }

  void addTo(QmpCommands commands) {
    commands.add("migrate", this::migrate);
    commands.add("migrate_cancel", this::cancel);
    commands.add("migrate-set-parameters", this::setParameters);
    commands.add("query-migrate", this::query);
  }

  /** Replies once the migration has started; the event MIGRATION reports its end. */
  private JsonNode migrate(QmpArguments arguments) throws QmpException {
    String uri = arguments.text("uri");
    arguments.finish();
    try {
      Optional<Tls> tls = credentials.map(directory -> new Tls(directory, hostName));
      target.migrate(MigrationAddress.parse(uri, tls), limits, memory);
    } catch (IllegalArgumentException | IOException e) {
      throw QmpException.generic("%s", e.getMessage());
    }
    return null;
  }

  private JsonNode cancel(QmpArguments arguments) throws QmpException {
    arguments.finish();
    target.migration().ifPresent(Migration::cancel);
    return null;
  }

  private JsonNode setParameters(QmpArguments arguments) throws QmpException {
    Optional<String> directory = arguments.optionalText("tls-creds");
    Optional<String> name = arguments.optionalText("tls-hostname");
    Optional<String> how = arguments.optionalText("x-memory");
    long millis = arguments.optionalNumber("downtime-limit").orElse(limits.downtime().toMillis());
    arguments.finish();
    if (millis < 1 || millis > 2_000_000) {
      throw QmpException.generic(
          "downtime-limit: %d is out of range; accepted are 1 to 2000000 ms", millis);
    }
    MigrationMemory chosen = how.isPresent() ? memory(how.get()) : memory;
    try {
      // An empty string unsets a parameter.
      directory.ifPresent(text -> credentials = optional(text).map(Path::of));
    } catch (InvalidPathException e) {
      throw QmpException.generic("tls-creds: %s", e.getReason());
    }
    memory = chosen;
    limits = new MigrationLimits(Duration.ofMillis(millis), limits.rounds());
    name.ifPresent(text -> hostName = optional(text));
    return null;
  }

  private static MigrationMemory memory(String value) throws QmpException {
    return switch (value) {
      case "auto" -> MigrationMemory.AUTO;
      case "copy" -> MigrationMemory.COPY;
      case "share" -> MigrationMemory.SHARE;
      default -> throw QmpException.generic("x-memory: '%s' is not auto, copy or share", value);
    };
  }

  private static Optional<String> optional(String text) {
    return text.isEmpty() ? Optional.empty() : Optional.of(text);
  }

  private JsonNode query(QmpArguments arguments) throws QmpException {
    arguments.finish();
    return target.migration().map(MigrationCommands::describe).orElse(null);
  }

  private static JsonNode describe(Migration migration) {
    MigrationProgress progress = migration.progress();
    ObjectNode result = JsonNodeFactory.instance.objectNode();
    result.put("status", progress.status().name().toLowerCase(Locale.ROOT));
    result.put("total-time", progress.total().toMillis());
    result.put("downtime", progress.downtime().toMillis());
    result
        .putObject("ram")
        .put("transferred", progress.sentBytes())
        .put("remaining", progress.remainingBytes())
        .put("mbps", progress.bytesPerSecond() * 8 / 1e6)
        .put("dirty-sync-count", progress.rounds());
    if (!migration.failure().isEmpty()) {
      result.put("error-desc", migration.failure());
    }
    return result;
  }
}
