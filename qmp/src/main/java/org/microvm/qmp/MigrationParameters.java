package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.machine.migration.MigrationAddress.Tls;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.machine.migration.MigrationMemory;

/** The parameters of migrations; a change applies to migrations that start later. */
final class MigrationParameters {
  private static final long MAX_DOWNTIME_MILLIS = 2_000_000;
  private static final Duration MIN = Duration.ofNanos(1);

  private final QmpTarget target;
  private final ObjectCommands objects;
  private MigrationLimits limits = MigrationLimits.DEFAULT;
  private MigrationMemory memory = MigrationMemory.AUTO;
  private Optional<Path> credentials = Optional.empty();
  private Optional<String> hostName = Optional.empty();
  private final InactiveParameters inactive = new InactiveParameters();

  MigrationParameters(QmpTarget target, ObjectCommands objects) {
    this.target = target;
    this.objects = objects;
  }

  void addTo(QmpCommands commands) {
    commands.add("migrate-set-parameters", this::set);
    commands.add("query-migrate-parameters", this::query);
  }

  MigrationLimits limits() {
    return limits;
  }

  MigrationMemory memory() {
    return memory;
  }

  /**
   * Returns an address with the credentials that were set.
   *
   * @throws QmpException if it is of another kind than the machine supports
   * @throws IllegalArgumentException if it is malformed
   */
  MigrationAddress address(String uri) throws QmpException {
    if (!uri.startsWith(MigrationAddress.UNIX) && !uri.startsWith(MigrationAddress.TCP)) {
      throw QmpException.generic("Parameter 'uri' expects a valid migration protocol");
    }
    boolean plain = target.isAsQemu() && credentials.isEmpty() && isPlainTcp(uri);
    return MigrationAddress.parse(
        plain ? uri + ",tls=off" : uri, credentials.map(directory -> new Tls(directory, hostName)));
  }

  private static boolean isPlainTcp(String uri) {
    return uri.startsWith(MigrationAddress.TCP) && uri.indexOf(',') < 0;
  }

  private JsonNode set(QmpArguments arguments) throws QmpException {
    Optional<String> directory = arguments.optionalText("tls-creds");
    Optional<String> name = arguments.optionalText("tls-hostname");
    Optional<Long> bandwidth = arguments.optionalSize("max-bandwidth");
    Optional<Long> millis = arguments.optionalNumber("downtime-limit");
    Optional<String> how = arguments.optionalText("x-memory");
    Map<String, JsonNode> others = inactive.take(arguments);
    arguments.finish();
    MigrationLimits limited = limits;
    if (millis.isPresent()) {
      limited = limited.withDowntime(downtime(millis.get()));
    }
    if (bandwidth.isPresent()) {
      limited = limited.withBytesPerSecond(bandwidth.get());
    }
    MigrationMemory chosen = how.isPresent() ? memory(how.get()) : memory;
    try {
      // An empty string unsets a parameter.
      directory.ifPresent(text -> credentials = optional(text).map(this::directory));
    } catch (InvalidPathException e) {
      throw QmpException.generic("tls-creds: %s", e.getReason());
    }
    memory = chosen;
    limits = limited;
    inactive.set(others);
    name.ifPresent(text -> hostName = optional(text));
    return null;
  }

  /** Credentials are the id of an object, or a directory. */
  private Path directory(String text) {
    return objects.credentials(text).orElseGet(() -> Path.of(text));
  }

  private static Duration downtime(long millis) throws QmpException {
    if (millis < 0 || millis > MAX_DOWNTIME_MILLIS) {
      throw QmpException.generic(
          "Parameter 'downtime_limit' expects an integer in the range of 0 to (2000 * 1000) ms");
    }
    return millis == 0 ? MIN : Duration.ofMillis(millis);
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
    ObjectNode result = JsonNodeFactory.instance.objectNode();
    inactive.addTo(result);
    return result
        .put("downtime-limit", limits.downtime().toMillis())
        .put("max-bandwidth", limits.bytesPerSecond())
        .put("tls-creds", credentials.map(Path::toString).orElse(""))
        .put("tls-hostname", hostName.orElse(""))
        .put("x-memory", memory.name().toLowerCase(Locale.ROOT));
  }
}
